with strokes as (

    select club_id, carry, carry_side, ball_speed, total
    from {{ ref('fct_strokes') }}

),

ranked as (

    select
        *,
        row_number() over (partition by club_id order by carry) as place,
        count(*) over (partition by club_id) as count_strokes,
        avg(carry) over (partition by club_id) as mean_carry,
        avg(carry_side) over (partition by club_id) as mean_side
    from strokes

),

dispersion as (

    select
        club_id,
        count(*) as count_strokes,
        -- The middle one, or the mean of the two in the middle.
        avg(case
            when place in ((count_strokes + 1) / 2, (count_strokes + 2) / 2) then carry
        end) as median_carry,
        min(mean_carry) as mean_carry,
        max(carry) as longest_carry,
        avg(total) as mean_total,
        avg(cast(ball_speed as double precision)) as mean_ball_speed,
        min(mean_side) as mean_side,
        -- Of a sample; `stddev_samp` is less exact on some engines.
        case
            when count(*) > 1
                then sqrt(sum((carry - mean_carry) * (carry - mean_carry)) / (count(*) - 1))
        end as carry_deviation,
        case
            when count(*) > 1
                then sqrt(sum((carry_side - mean_side) * (carry_side - mean_side)) / (count(*) - 1))
        end as side_deviation,
        case
            when count(*) > 1
                then sum((carry - mean_carry) * (carry_side - mean_side)) / (count(*) - 1)
        end as covariance
    from ranked
    group by club_id

),

final as (

    select
        club_id,
        count_strokes,
        median_carry,
        mean_carry,
        longest_carry,
        mean_total,
        mean_ball_speed,
        mean_side,
        carry_deviation,
        side_deviation,
        -- Area of the ellipse that holds 90 % of a normal distribution in two dimensions:
        -- pi * chi-square quantile (0.9, 2 degrees of freedom) * root of the covariance's
        -- determinant, which rounding can push below zero when all strokes lie on one line.
        case
            when count_strokes > 2
                then pi() * 4.605170185988091 * sqrt(greatest(
                    carry_deviation * carry_deviation * side_deviation * side_deviation
                        - covariance * covariance,
                    0
                ))
        end as ellipse_area
    from dispersion

)

select * from final
