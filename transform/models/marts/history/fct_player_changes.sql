{{ config(unique_key=['player_id', '_sdc_sequence']) }}

{{ attribute_changes(
    ref('stg_trackman_backend__player_versions'),
    'player_id',
    ['home_facility_id', 'handicap', 'membership_starts_on', 'membership_ends_on']
) }}
