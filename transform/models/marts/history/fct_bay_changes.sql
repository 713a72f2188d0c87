{{ config(unique_key=['bay_id', '_sdc_sequence']) }}

{{ attribute_changes(
    ref('stg_trackman_backend__bay_versions'),
    'bay_id',
    ['facility_id', 'bay_status', 'firmware']
) }}
