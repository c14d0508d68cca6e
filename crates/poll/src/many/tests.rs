//! What of the waiter for many cannot be seen from outside.

use super::*;

#[test]
fn the_time_between_polls_is_never_too_long() {
    let limits = Limits::default();
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            spacing(Limits {
                per_second,
                ..limits
            }),
            Duration::ZERO
        );
    }
    let never = f64::MIN_POSITIVE / 4.0;
    assert_eq!(
        spacing(Limits {
            per_second: never,
            ..limits
        }),
        LONGEST
    );
}
