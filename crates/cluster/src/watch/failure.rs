use kube::runtime::watcher;

/// The class of an error of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The kind is not installed.
    Absent,
    /// A right is missing.
    Forbidden,
    /// The resource version is too old: routine after a quiet hour. The watcher lists again.
    Expired,
    /// There is no response, or the connection ended.
    Unreachable,
    /// Another error of the API server.
    Other,
}

impl Failure {
    pub(crate) fn of(error: &watcher::Error) -> Self {
        let code = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => match error {
                kube::Error::Api(status) => status.code,
                _ => return Self::Unreachable,
            },
            watcher::Error::WatchError(status) => status.code,
            watcher::Error::NoResourceVersion => return Self::Other,
        };
        match code {
            403 => Self::Forbidden,
            404 => Self::Absent,
            410 => Self::Expired,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn an_error_is_classed_by_its_status_wherever_it_occurs() {
        let status = |code| Status::failure("words", "Reason").with_code(code).boxed();
        for (code, expected) in [
            (403, Failure::Forbidden),
            (404, Failure::Absent),
            (410, Failure::Expired),
            (500, Failure::Other),
            (503, Failure::Other),
        ] {
            for error in [
                watcher::Error::InitialListFailed(kube::Error::Api(status(code))),
                watcher::Error::WatchStartFailed(kube::Error::Api(status(code))),
                watcher::Error::WatchFailed(kube::Error::Api(status(code))),
                watcher::Error::WatchError(status(code)),
            ] {
                assert_eq!(Failure::of(&error), expected, "{error:?}");
            }
        }
        let broken = kube::Error::LinesCodecMaxLineLengthExceeded;
        assert_eq!(Failure::of(&watcher::Error::WatchFailed(broken)), Failure::Unreachable);
        assert_eq!(Failure::of(&watcher::Error::NoResourceVersion), Failure::Other);
    }
}
