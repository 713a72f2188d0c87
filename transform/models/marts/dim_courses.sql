{{ config(unique_key='course_id', indexes=[{'columns': ['course_id'], 'unique': true}]) }}

with courses as (

    select * from {{ ref('stg_trackman_backend__courses') }}

),

holes as (

    select
        course_id,
        count(*) as count_holes,
        sum(cast(hole_length as double precision)) as total_length
    from {{ ref('stg_trackman_backend__course_holes') }}
    where not is_deleted
    group by course_id

),

final as (

    select
        courses.course_id,
        courses.course_name,
        courses.country_code,
        courses.longitude,
        courses.latitude,
        courses.altitude,
        courses.par,
        courses.course_rating,
        courses.slope_rating,
        holes.count_holes,
        holes.total_length,
        courses.opened_on,
        courses.created_at,
        courses.updated_at,
        courses.is_deleted,
        courses._sdc_sequence
    from courses
    left join holes on courses.course_id = holes.course_id

)

select * from final
