use kube::runtime::watcher;

/// The class of an error of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The kind is not installed.
    Absent,
    /// A right is missing.
    Forbidden,
    /// The resource version is too old. Routine after a quiet hour; the watcher lists again.
    Expired,
    /// The connection of a watch that worked has ended. Routine too; the watcher connects again.
    Interrupted,
    /// There is no response.
    Unreachable,
    /// Another error of the API server.
    Other,
}

impl Failure {
    pub(crate) fn of(error: &watcher::Error) -> Self {
        let code = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::WatchFailed(kube::Error::Api(status))
            | watcher::Error::WatchError(status) => status.code,
            watcher::Error::InitialListFailed(_) | watcher::Error::WatchStartFailed(_) => {
                return Self::Unreachable;
            }
            // The watcher skips an event that it cannot parse. Only a list shows the object of the event.
            watcher::Error::WatchFailed(kube::Error::SerdeError(_)) | watcher::Error::NoResourceVersion => {
                return Self::Other;
            }
            watcher::Error::WatchFailed(_) => return Self::Interrupted,
        };
        match code {
            403 => Self::Forbidden,
            404 => Self::Absent,
            410 => Self::Expired,
            _ => Self::Other,
        }
    }

    /// Whether it happens to every watch that works. A quiet watch has no event that would show that it works again.
    pub(crate) fn is_routine(self) -> bool {
        matches!(self, Self::Expired | Self::Interrupted)
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
        let broken = || kube::Error::LinesCodecMaxLineLengthExceeded;
        assert_eq!(Failure::of(&watcher::Error::WatchFailed(broken())), Failure::Interrupted);
        assert_eq!(Failure::of(&watcher::Error::WatchStartFailed(broken())), Failure::Unreachable);
        assert_eq!(Failure::of(&watcher::Error::InitialListFailed(broken())), Failure::Unreachable);
        let unclear = kube::Error::SerdeError(serde_json::from_str::<()>("{").unwrap_err());
        assert_eq!(Failure::of(&watcher::Error::WatchFailed(unclear)), Failure::Other);
        assert_eq!(Failure::of(&watcher::Error::NoResourceVersion), Failure::Other);
    }
}
