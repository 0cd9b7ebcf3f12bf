-- NA is the code of Namibia; a reader that takes it for a missing value fails here.
select count(*) as namibia_rows
from {{ ref('dim_countries') }}
where country_code = 'NAM' and alpha2_code = 'NA'
having count(*) <> 1
