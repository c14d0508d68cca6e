//! Which faults strike a call: the rules of the scenario, each with its count, and the header of a
//! single request. What the faults do is the business of `strike`.

use std::time::Duration;

use axum::http::HeaderMap;

use crate::scenario::{Call, Fault, Occurrence, Rule, Scenario};
use crate::settings::Ending;

/// The header with a fault for one request.
const HEADER: &str = "x-emulator-fault";

/// The rules at work.
pub(crate) struct Faults {
    rules: Vec<Counted>,
    random: fastrand::Rng,
}

struct Counted {
    rule: Rule,
    /// How many calls it was about so far.
    calls: u64,
}

/// What happens to one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) ending: Option<Ending>,
    /// Neither a delay nor an ending.
    pub(crate) fault: Option<Fault>,
}

impl Faults {
    pub(crate) fn new(scenario: Scenario, seed: u64) -> Self {
        let counted = |rule| Counted { rule, calls: 0 };
        Self {
            rules: scenario.rules.into_iter().map(counted).collect(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// What happens to the next call of a kind; an error says what is wrong with its header.
    pub(crate) fn plan(&mut self, call: Call, headers: &HeaderMap) -> Result<Plan, String> {
        let mut plan = Plan::default();
        if let Some(value) = headers.get(HEADER) {
            let wrong = |reason: &str| format!("the header {HEADER} cannot be obeyed: {reason}");
            let text = value.to_str().map_err(|_| wrong("it is not ASCII"))?;
            let rule = Rule::of_header(text, call).map_err(|reason| wrong(&reason))?;
            if rule.occurrence.strikes(1, &mut self.random) {
                plan.add(&rule.fault);
            }
        }
        for Counted { rule, calls } in &mut self.rules {
            if rule.concerns(call) {
                *calls += 1;
                if rule.occurrence.strikes(*calls, &mut self.random) {
                    plan.add(&rule.fault);
                }
            }
        }
        Ok(plan)
    }
}

impl Occurrence {
    fn strikes(self, call: u64, random: &mut fastrand::Rng) -> bool {
        match self {
            Self::First(count) => call <= count,
            Self::Nth(number) => call == number,
            Self::Every => true,
            Self::Percent(percent) => random.u8(..100) < percent,
        }
    }
}

impl Plan {
    fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::Delay(time) => self.delay += *time,
            Fault::Ending(ending) => self.ending = Some(ending.clone()),
            fault => {
                self.fault.get_or_insert_with(|| fault.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(scenario: &str, seed: u64) -> Faults {
        Faults::new(scenario.parse().unwrap(), seed)
    }

    /// What befalls so many submits.
    fn submits(faults: &mut Faults, count: usize) -> Vec<Option<Fault>> {
        let plan = |_| faults.plan(Call::Submit, &HeaderMap::new()).unwrap().fault;
        (0..count).map(plan).collect()
    }

    fn header(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, text.parse().unwrap());
        headers
    }

    #[test]
    fn each_rule_counts_its_own_calls() {
        let mut faults = faults(
            "submit first 2 no-id\nresult every html\nsubmit nth 3 empty\nany nth 4 huge",
            0,
        );
        assert_eq!(
            submits(&mut faults, 5),
            [
                Some(Fault::NoId),
                Some(Fault::NoId),
                Some(Fault::Empty),
                Some(Fault::Huge),
                None
            ]
        );
    }

    #[test]
    fn any_means_the_calls_on_which_the_fault_is_possible() {
        let mut faults = faults("any once no-ranges", 0);
        assert_eq!(submits(&mut faults, 2), [None, None]);
        let plan = faults.plan(Call::Output, &HeaderMap::new()).unwrap();
        assert_eq!(plan.fault, Some(Fault::NoRanges));
    }

    #[test]
    fn delays_add_up_the_last_ending_counts_and_the_first_fault_happens() {
        let mut faults = faults(
            "any once delay 1s\nsubmit once ending failed\nsubmit once html\nsubmit once no-id\n\
             submit once ending timeout\nsubmit once delay 500ms",
            0,
        );
        let expected = Plan {
            delay: Duration::from_millis(1_500),
            ending: Some(Ending::new("timeout", "")),
            fault: Some(Fault::Html),
        };
        let plan = |faults: &mut Faults| faults.plan(Call::Submit, &HeaderMap::new());
        assert_eq!(plan(&mut faults).unwrap(), expected);
        assert_eq!(plan(&mut faults).unwrap(), Plan::default());
    }

    #[test]
    fn probabilities_follow_the_seed() {
        let run = |seed| submits(&mut faults("submit 10% html", seed), 1_000);
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let struck = run(1).iter().flatten().count();
        assert!((50..150).contains(&struck), "{struck}");
        assert!(
            submits(&mut faults("submit 0% html", 1), 100)
                .iter()
                .all(Option::is_none)
        );
        assert!(
            submits(&mut faults("submit 100% html", 1), 100)
                .iter()
                .all(Option::is_some)
        );
    }

    #[test]
    fn a_header_goes_before_the_rules_and_is_counted_by_them() {
        let mut faults = faults("submit once html", 0);
        let plan = faults.plan(Call::Submit, &header("no-id")).unwrap();
        assert_eq!(plan.fault, Some(Fault::NoId));
        assert_eq!(submits(&mut faults, 1), [None]);
        let error = faults.plan(Call::Submit, &header("nonsense")).unwrap_err();
        assert!(
            error.starts_with("the header x-emulator-fault cannot be obeyed: `nonsense` is not"),
            "{error}"
        );
    }
}
