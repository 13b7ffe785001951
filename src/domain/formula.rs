//! A formula over key results of the same objective: `100 * signups / visitors`. Numbers, ids, `+ - * /` and brackets,
//! with the usual precedence. Own code, because ids may hold `-` and begin with a digit, which no library of expressions
//! takes for one name. Knows no samples and no time.

use std::fmt;
use std::ops::Range;

use super::id::Slug;

/// A formula that was read. Two are equal when their texts are.
#[derive(Clone, Debug)]
pub struct Formula {
    text: String,
    root: Node,
    inputs: Vec<Slug>,
}

impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Formula {}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    /// The place among the inputs.
    Input(usize),
    Negative(Box<Self>),
    Of(Operator, Box<Self>, Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

/// Why a text is no formula, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    /// The bytes of the text at fault; empty at its end.
    pub at: Range<usize>,
    /// What is wrong there.
    pub fault: FormulaFault,
}

/// What is wrong with a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormulaFault {
    /// A number, an id or a bracket is missing here.
    ExpectedOperand,
    /// An operator is missing here, or a bracket that closes.
    ExpectedOperator,
    /// A bracket that nothing closes.
    Open,
    /// A character that formulas do not have.
    Character,
    /// A number that is not finite.
    Number,
    /// Longer or nested deeper than anyone could read.
    TooLarge,
    /// No key result in it, so nothing is measured.
    NoInput,
}

impl fmt::Display for FormulaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExpectedOperand => "expected a number, the id of a key result or `(`",
            Self::ExpectedOperator => "expected `+`, `-`, `*`, `/` or `)`",
            Self::Open => "nothing closes this bracket",
            Self::Character => "formulas have numbers, ids of key results, `+ - * /` and brackets",
            Self::Number => "not a finite number",
            Self::TooLarge => "longer or nested deeper than a formula may be",
            Self::NoInput => "no key result in it, so nothing is measured",
        })
    }
}

/// The longest formula, in bytes.
const LONGEST: usize = 1000;
/// The deepest nesting of brackets and signs.
const DEEPEST: usize = 50;

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// When the text is none; with the place at fault.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
            inputs: Vec::new(),
        };
        if text.len() > LONGEST {
            return Err(parser.error(FormulaFault::TooLarge, 0..text.len()));
        }
        let root = parser.sum()?;
        if let Some(rest) = parser.peek() {
            let at = parser.at..parser.at + rest.len_utf8();
            return Err(parser.error(FormulaFault::ExpectedOperator, at));
        }
        if parser.inputs.is_empty() {
            return Err(parser.error(FormulaFault::NoInput, 0..text.len()));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            root,
            inputs: parser.inputs,
        })
    }

    /// The key results it reads, each once.
    #[must_use]
    pub fn inputs(&self) -> &[Slug] {
        &self.inputs
    }

    /// Its value, given that of each input in the order of [`Self::inputs`]; `None` when it is not a finite number, as
    /// after a division by 0: nothing was measured then.
    #[must_use]
    pub fn value(&self, inputs: &[f64]) -> Option<f64> {
        let value = self.root.value(inputs) + 0.0;
        value.is_finite().then_some(value)
    }

    /// Of a formula `k / n`, also as percentage, the two counts: what a range for the ratio is made of.
    #[must_use]
    pub fn counts(&self, inputs: &[f64]) -> Option<(f64, f64)> {
        let (over, under) = self.root.fraction()?;
        let count = |place: usize| inputs.get(place).copied().filter(|count| *count >= 0.0);
        Some((count(over)?, count(under)?))
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Node {
    fn value(&self, inputs: &[f64]) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Input(place) => inputs.get(*place).copied().unwrap_or(f64::NAN),
            Self::Negative(of) => -of.value(inputs),
            Self::Of(operator, a, b) => {
                let (a, b) = (a.value(inputs), b.value(inputs));
                match operator {
                    Operator::Plus => a + b,
                    Operator::Minus => a - b,
                    Operator::Times => a * b,
                    Operator::Over => a / b,
                }
            }
        }
    }

    /// The inputs k and n of `k / n`, `100 * k / n`, `100 * (k / n)` and `k / n * 100`.
    fn fraction(&self) -> Option<(usize, usize)> {
        match self {
            Self::Of(Operator::Over, over, under) => Some((over.scaled()?, under.input()?)),
            Self::Of(Operator::Times, a, b) => match (&**a, &**b) {
                (Self::Number(_), fraction) | (fraction, Self::Number(_)) => fraction.fraction(),
                _ => None,
            },
            _ => None,
        }
    }

    fn input(&self) -> Option<usize> {
        match self {
            Self::Input(place) => Some(*place),
            _ => None,
        }
    }

    /// An input, perhaps times a number.
    fn scaled(&self) -> Option<usize> {
        match self {
            Self::Of(Operator::Times, a, b) => match (&**a, &**b) {
                (Self::Number(_), input) | (input, Self::Number(_)) => input.input(),
                _ => None,
            },
            _ => self.input(),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    inputs: Vec<Slug>,
}

impl Parser<'_> {
    fn error(&self, fault: FormulaFault, at: Range<usize>) -> FormulaError {
        FormulaError {
            at: at.start..at.end.min(self.text.len()),
            fault,
        }
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start().len();
        rest.trim_start().chars().next()
    }

    fn take(&mut self, wanted: &[(char, Operator)]) -> Option<Operator> {
        let next = self.peek()?;
        let (_, operator) = wanted.iter().find(|(c, _)| *c == next)?;
        self.at += 1;
        Some(*operator)
    }

    fn sum(&mut self) -> Result<Node, FormulaError> {
        let mut node = self.product()?;
        while let Some(operator) = self.take(&[('+', Operator::Plus), ('-', Operator::Minus)]) {
            node = Node::Of(operator, Box::new(node), Box::new(self.product()?));
        }
        Ok(node)
    }

    fn product(&mut self) -> Result<Node, FormulaError> {
        let mut node = self.operand()?;
        while let Some(operator) = self.take(&[('*', Operator::Times), ('/', Operator::Over)]) {
            node = Node::Of(operator, Box::new(node), Box::new(self.operand()?));
        }
        Ok(node)
    }

    fn operand(&mut self) -> Result<Node, FormulaError> {
        let next = self.peek();
        let start = self.at;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(FormulaFault::TooLarge, start..start + 1));
        }
        let node = match next {
            Some('(') => self.bracket(start),
            Some('-') => {
                self.at += 1;
                self.operand().map(|of| Node::Negative(Box::new(of)))
            }
            Some(c) if c.is_ascii_lowercase() || c.is_ascii_digit() => self.word(start),
            Some(c) if "+*/)".contains(c) => {
                Err(self.error(FormulaFault::ExpectedOperand, start..start + 1))
            }
            Some(c) => Err(self.error(FormulaFault::Character, start..start + c.len_utf8())),
            None => Err(self.error(FormulaFault::ExpectedOperand, start..start)),
        };
        self.depth -= 1;
        node
    }

    fn bracket(&mut self, start: usize) -> Result<Node, FormulaError> {
        self.at += 1;
        let node = self.sum()?;
        match self.peek() {
            Some(')') => {
                self.at += 1;
                Ok(node)
            }
            Some(c) => Err(self.error(
                FormulaFault::ExpectedOperator,
                self.at..self.at + c.len_utf8(),
            )),
            None => Err(self.error(FormulaFault::Open, start..start + 1)),
        }
    }

    /// A number, or else an id: all that an id may hold belongs to it, so a minus behind an id needs a space.
    fn word(&mut self, start: usize) -> Result<Node, FormulaError> {
        let rest = self.text.get(start..).unwrap_or_default();
        let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let id = rest.find(|c| !is_id(c)).unwrap_or(rest.len());
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        if digits >= id {
            self.at = start + digits;
            let number = rest.get(..digits).and_then(|text| text.parse::<f64>().ok());
            let number = number.filter(|number| number.is_finite());
            return number
                .map(Node::Number)
                .ok_or_else(|| self.error(FormulaFault::Number, start..start + digits));
        }
        self.at = start + id;
        let name = rest.get(..id).unwrap_or_default();
        let slug = Slug::parse(name)
            .map_err(|_| self.error(FormulaFault::Character, start..start + id))?;
        let known = self.inputs.iter().position(|input| *input == slug);
        Ok(Node::Input(known.unwrap_or_else(|| {
            self.inputs.push(slug);
            self.inputs.len() - 1
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str, inputs: &[f64]) -> Option<f64> {
        Formula::parse(text).unwrap().value(inputs)
    }

    #[test]
    fn formulas_read_as_they_do_on_paper() {
        for (text, inputs, expected) in [
            (
                "100 * signups / visitors",
                &[3.0, 120.0] as &[f64],
                Some(2.5),
            ),
            ("a - b - c", &[10.0, 3.0, 2.0], Some(5.0)),
            ("a - (b - c)", &[10.0, 3.0, 2.0], Some(9.0)),
            ("a + b * c", &[1.0, 2.0, 3.0], Some(7.0)),
            ("-a + 2.5", &[1.0], Some(1.5)),
            ("--a", &[1.0], Some(1.0)),
            ("a / b / c", &[12.0, 3.0, 2.0], Some(2.0)),
            ("a*a", &[3.0], Some(9.0)),
            ("2nd-signups/1st_visits", &[1.0, 4.0], Some(0.25)),
            ("a -1", &[3.0], Some(2.0)),
            ("a / b", &[1.0, 0.0], None),
            ("a / b", &[0.0, 0.0], None),
            ("a * b", &[1e200, 1e200], None),
            ("a * b", &[0.0, -3.0], Some(0.0)),
        ] {
            let found = value(text, inputs);
            assert_eq!(found, expected, "{text}");
            assert!(
                found.is_none_or(|x| x != 0.0 || x.is_sign_positive()),
                "{text}"
            );
        }
        let twice = Formula::parse("a-1 + a-1 - b").unwrap();
        let ids: Vec<_> = twice.inputs().iter().map(Slug::as_str).collect();
        assert_eq!(ids, ["a-1", "b"]);
    }

    #[test]
    fn what_is_no_formula_tells_where() {
        use FormulaFault::{
            Character, ExpectedOperand, ExpectedOperator, NoInput, Number, Open, TooLarge,
        };
        let deep = format!("{}a", "(".repeat(60));
        for (text, fault, at) in [
            ("", ExpectedOperand, 0..0),
            ("a +", ExpectedOperand, 3..3),
            ("a + * b", ExpectedOperand, 4..5),
            ("a b", ExpectedOperator, 2..3),
            ("(a + b", Open, 0..1),
            ("a)", ExpectedOperator, 1..2),
            ("a ^ 2", ExpectedOperator, 2..3),
            ("A + b", Character, 0..1),
            ("a + é", Character, 4..6),
            ("1.2.3 * a", Number, 0..5),
            ("1 + 2", NoInput, 0..5),
            (&deep, TooLarge, 50..51),
        ] {
            assert_eq!(
                Formula::parse(text),
                Err(FormulaError { at, fault }),
                "{text}"
            );
        }
        assert!(Formula::parse(&"a+".repeat(600)).is_err());
    }

    #[test]
    fn a_ratio_knows_its_counts() {
        for text in [
            "k / n",
            "100 * k / n",
            "k * 100 / n",
            "100 * (k / n)",
            "k / n * 100",
        ] {
            assert_eq!(
                Formula::parse(text).unwrap().counts(&[12.0, 200.0]),
                Some((12.0, 200.0)),
                "{text}"
            );
        }
        for text in ["k - n", "k / (n + 1)", "k / n / 2", "(k + 1) / n", "k * n"] {
            assert_eq!(
                Formula::parse(text).unwrap().counts(&[12.0, 200.0]),
                None,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_in_its_bounds(text in "[ab1 .+*/()é^-]{0,40}") {
            if let Err(error) = Formula::parse(&text) {
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?}", error);
            }
        }

        #[test]
        fn no_nan_comes_out(a in any::<f64>(), b in any::<f64>(), text in prop::sample::select(vec!["a / b", "a - b", "a * b", "100 * a / b"])) {
            let formula = Formula::parse(text).unwrap();
            prop_assert!(formula.value(&[a, b]).is_none_or(f64::is_finite));
        }
    }
}
