use http::HeaderMap;
use http::header::LINK;

/// The URL of the next page of a list, by the header `Link` (RFC 8288).
pub(crate) fn next_page(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_of)
}

fn next_of(mut links: &str) -> Option<String> {
    while let Some((url, rest)) = links.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let (params, _) = rest.split_once('<').unwrap_or((rest, ""));
        if params.split([';', ',']).any(is_next) {
            return Some(url.to_owned());
        }
        links = rest;
    }
    None
}

fn is_next(param: &str) -> bool {
    let Some((name, value)) = param.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_link_with_this_relation() {
        for (links, expected) in [
            (
                &[r#"<https://h/x?page=2>; rel="next", <https://h/x?page=9>; rel="last""#][..],
                Some("https://h/x?page=2"),
            ),
            (
                &[r#"<https://h/x?page=1>; rel="prev", <https://h/x?a=1,2&page=3>; rel="next""#],
                Some("https://h/x?a=1,2&page=3"),
            ),
            (&["<https://h/2>;rel=next"], Some("https://h/2")),
            (&[r#"<https://h/2>; title="more"; REL="last Next""#], Some("https://h/2")),
            (&[r#"<https://h/1>; rel="last""#, r#"<https://h/2>; rel="next""#], Some("https://h/2")),
            (&[r#"<https://h/1>; rel="last""#], None),
            (&[r#"<https://h/1>; title="next""#], None),
            (&[r#"<https://h/1>; rel="nextish""#], None),
            (&["<https://h/1; rel=next"], None),
            (&["rel=next"], None),
            (&["<<>>=<"], None),
            (&[""], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for link in links {
                headers.append(LINK, link.parse().unwrap());
            }
            assert_eq!(next_page(&headers).as_deref(), expected, "{links:?}");
        }
    }
}
