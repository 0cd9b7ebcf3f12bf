{#
    Numerator / denominator (> 0) as decimal(22, scale), rounded half away from zero, by whole
    numbers only: DuckDB's own division of decimals gives a double. Both operands keep 4 decimals,
    scale is at most 6; null where the denominator is null or 0.
#}
{% macro divide_exact(numerator, denominator, scale) -%}
    cast(
        sign({{ numerator }}) * (
            (
                cast(cast(abs({{ numerator }}) as decimal(22, 4)) * 10000 as hugeint) * {{ 2 * 10 ** scale }}
                + cast(cast({{ denominator }} as decimal(22, 4)) * 10000 as hugeint)
            )
            // nullif(2 * cast(cast({{ denominator }} as decimal(22, 4)) * 10000 as hugeint), 0)
        ) as decimal(22, 0)
    ) * cast('{{ '%.*f' % (scale, 10 ** -scale) }}' as decimal({{ scale + 1 }}, {{ scale }}))
{%- endmacro %}
