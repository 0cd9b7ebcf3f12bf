with

executions as (

    select * from {{ ref('stg_eis__executions') }}
    where coalesce(stage_code, 'P') not in ('F', 'I')

),

-- each document lists what was paid until then
last_versions as (

    select *
    from executions
    qualify
        row_number() over (
            partition by contract_number
            order by document_version desc, published_at desc nulls last, document_id desc
        ) = 1

),

unnested as (

    select
        contract_number,
        unnest(payments) as payment,
        generate_subscripts(payments, 1) as payment_position
    from last_versions

),

payments as (

    select
        'EIS' as source_system,
        contract_number as award_id,
        cast(payment_position as integer) as payment_position,
        payment['document_name'] as document_name,
        payment['paid_date'] as paid_date,
        payment['paid'] as amount,
        payment['paid_rub'] as amount_rub,
        payment['currency_code'] as currency_code,
        payment['is_advance'] as is_advance
    from unnested
    where payment['paid'] is not null

)

select * from payments
