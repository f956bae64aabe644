//! What a machine makes of the work: convolutions of every family, whole training steps, the data
//! pipeline, and a matrix product as the yardstick.
//!
//! `cargo xtask bench` starts this program as a child and asks it, one JSON object per line, to
//! time one case after the other; PyTorch is asked the same in turn.

mod cases;
mod conv;
mod loader;
mod matmul;
mod protocol;
mod shapes;
mod step;
mod step_inputs;

use std::time::Instant;

use wordpaint_models::backend::AutodiffBackend;
use wordpaint_models::for_family;

use crate::backends::Work;
use crate::launch::{LaunchError, peak_memory};

pub use cases::{Case, Kind, cases};
pub use conv::{Conv, Pass};
pub use loader::Loading;
pub use matmul::MatrixProduct;
pub use protocol::{Answer, Hello, Layers, Parameters, Request, Section};
pub use step::Step;

/// A case made ready: networks and inputs exist.
struct Prepared {
    /// One call, with the times of its parts where it has any.
    call: Box<dyn FnMut() -> Result<Vec<Section>, LaunchError>>,
    parameters: Option<Parameters>,
}

impl Prepared {
    fn new(mut call: impl FnMut() + 'static) -> Self {
        Self {
            call: Box::new(move || {
                call();
                Ok(Vec::new())
            }),
            parameters: None,
        }
    }
}

/// Answers requests on a backend until there are none.
pub struct Service<R, W> {
    /// Requests as they come, one JSON object each.
    pub requests: R,
    /// Takes the answers, one JSON object each.
    pub answer: W,
}

impl<R, W> Work for Service<R, W>
where
    R: Iterator<Item = String>,
    W: FnMut(&str),
{
    type Output = Result<(), LaunchError>;

    fn run<B: AutodiffBackend>(mut self, device: B::Device) -> Self::Output {
        let mut ready: Option<(Case, Layers, Prepared)> = None;
        for line in self.requests {
            let request: Request = serde_json::from_str(&line).map_err(|error| {
                LaunchError::Request(format!("`{line}` is no request: {error}"))
            })?;
            let Request { case, layers, .. } = &request;
            // Networks live on between the rounds of one case.
            let is_ready = ready
                .as_ref()
                .is_some_and(|(old, of, _)| (old, of) == (case, layers));
            if !is_ready {
                ready = None;
            }
            let (_, _, prepared) = if let Some(ready) = &mut ready {
                ready
            } else {
                let prepared = prepare::<B>(&case.kind, *layers, &device)?;
                ready.insert((case.clone(), *layers, prepared))
            };
            let answer = measure(prepared, &request)?;
            (self.answer)(&serde_json::to_string(&answer).expect("plain data is JSON"));
        }
        Ok(())
    }
}

fn prepare<B: AutodiffBackend>(
    kind: &Kind,
    layers: Layers,
    device: &B::Device,
) -> Result<Prepared, LaunchError> {
    match kind {
        Kind::MatrixProduct(product) => Ok(product.prepare::<B::InnerBackend>(device)),
        Kind::Conv(conv) => Ok(conv.prepare::<B>(layers, device)),
        Kind::Step(step) => for_family!(step.family.as_str(), F => step.prepare::<F, B>(device))
            .unwrap_or_else(|| Err(LaunchError::Family(step.family.clone()))),
        Kind::Loading(loading) => Ok(loading.prepare()),
    }
}

fn measure(prepared: &mut Prepared, request: &Request) -> Result<Answer, LaunchError> {
    for _ in 0..request.warmups {
        (prepared.call)()?;
    }
    let mut answer = Answer {
        parameters: prepared.parameters,
        ..Answer::default()
    };
    let mut fastest = f64::INFINITY;
    for _ in 0..request.repeats {
        let started = Instant::now();
        let sections = (prepared.call)()?;
        let seconds = started.elapsed().as_secs_f64();
        answer.seconds.push(seconds);
        if seconds < fastest {
            fastest = seconds;
            answer.sections = sections;
        }
    }
    answer.peak_bytes = peak_memory();
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::{default_device, on_device};

    fn ask(lines: &[String]) -> Vec<Answer> {
        let mut answers = Vec::new();
        let service = Service {
            requests: lines.iter().cloned(),
            answer: |line: &str| {
                answers.push(serde_json::from_str(line).expect("an answer"));
            },
        };
        on_device(default_device(), service)
            .expect("the default device works")
            .expect("the requests are right");
        answers
    }

    fn request(case: &Case, repeats: usize) -> String {
        serde_json::json!({"case": case, "repeats": repeats, "warmups": 0}).to_string()
    }

    #[test]
    fn a_convolution_is_timed_as_often_as_asked_in_every_pass() {
        let conv = Conv {
            batch: 1,
            channels: [3, 4],
            size: 5,
            kernel: 3,
            stride: 2,
            padding: 1,
            is_transposed: false,
            pass: Pass::Forward,
        };
        let with = |is_transposed, pass| Conv {
            is_transposed,
            pass,
            ..conv
        };
        let lines: Vec<String> = [false, true]
            .into_iter()
            .flat_map(|turned| Pass::ALL.map(|pass| with(turned, pass)))
            .map(|conv| request(&Case::conv("test", conv), 2))
            .collect();

        let answers = ask(&lines);

        assert_eq!(answers.len(), 8);
        for answer in answers {
            assert_eq!(answer.seconds.len(), 2);
            assert!(answer.seconds.iter().all(|s| *s > 0.0));
        }
    }

    #[test]
    fn a_step_tells_its_parameters_and_where_its_time_goes() {
        let all = cases().expect("shipped experiments");
        let step = all
            .iter()
            .find(|case| matches!(&case.kind, Kind::Step(step) if step.family == "attribute-probe"))
            .expect("every family has a step");

        let answers = ask(&[request(step, 1)]);

        let [answer] = &answers[..] else {
            panic!("one answer per request")
        };
        assert!(
            answer
                .parameters
                .is_some_and(|p| p.trained > 0 && p.frozen == 0)
        );
        let names: Vec<&str> = answer.sections.iter().map(|s| s.name.as_str()).collect();
        assert!(
            names.iter().any(|name| name.ends_with("backward")),
            "{names:?}"
        );
        let parts: f64 = answer.sections.iter().map(|s| s.seconds).sum();
        assert!(parts <= answer.seconds[0]);
    }

    #[test]
    fn a_line_that_is_no_request_is_refused_with_the_line() {
        let service = Service {
            requests: ["hello".to_owned()].into_iter(),
            answer: |_: &str| {},
        };

        let outcome = on_device(default_device(), service).expect("the default device works");

        assert!(
            outcome
                .expect_err("no JSON")
                .to_string()
                .contains("`hello`")
        );
    }
}
