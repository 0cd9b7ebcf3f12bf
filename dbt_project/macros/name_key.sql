{#
    Name of a party by which names are compared: as label_key, the legal form in its short spelling
    and at the end. The form stays: two companies of one name and two forms are two companies.
#}
{% macro name_key(name) -%}
    regexp_replace(
        trim(
            list_reduce(
                [
                    ' ' || {{ label_key(name) }} || ' ',
                    'открытое акционерное общество=оао',
                    'закрытое акционерное общество=зао',
                    'непубличное акционерное общество=нао',
                    'публичное акционерное общество=пао',
                    'акционерное общество=ао',
                    'общество с ограниченнои ответственностью=ооо',
                    'общество с дополнительнои ответственностью=одо',
                    'индивидуальныи предприниматель=ип',
                    'адкрытае акцыянернае таварыства=аат',
                    'open joint stock company=ojsc',
                    'closed joint stock company=cjsc',
                    'joint stock company=jsc',
                    'limited liability company=llc',
                    'limited=ltd',
                    's a de c v=sa de cv',
                    's de r l de c v=s de rl de cv'
                ],
                (name_so_far, form) -> replace(
                    name_so_far,
                    ' ' || split_part(form, '=', 1) || ' ',
                    ' ' || split_part(form, '=', 2) || ' '
                )
            )
        ),
        '^(оао|зао|пао|нао|ао|ооо|одо|ип|аат|ojsc|cjsc|jsc|llc|ltd|gmbh|inc|sa de cv|s de rl de cv) (.+)$',
        '\2 \1'
    )
{%- endmacro %}
