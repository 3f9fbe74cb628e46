use trigger_core::DeliveryId;

/// The API server makes names of 63 characters at most from `generateName`.
const LONGEST_NAME: usize = 63;
const HASH_LENGTH: usize = 10;

/// The name of an object with this `generateName`: the text, cut as the API server cuts it, and a hash of `identity` where
/// the API server would put random characters.
///
/// `identity` is all that tells the object from others. It follows from the delivery, so the API server refuses a second
/// creation, whenever and on whichever replica it is tried.
pub(super) fn derived_name(generate_name: &str, identity: &[&[u8]]) -> String {
    let hash = DeliveryId::derive(identity);
    let hash = hash.as_str().get(..HASH_LENGTH).unwrap_or_default();
    let base = generate_name.get(..generate_name.floor_char_boundary(LONGEST_NAME - HASH_LENGTH));
    format!("{}{hash}", base.unwrap_or(generate_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_base_and_a_hash_of_what_it_follows_from() {
        let name = derived_name("ci-", &[b"delivery", b"0"]);
        assert_eq!(name, "ci-4s6vxzrglf", "stored deliveries would be run once more");
        assert_ne!(name, derived_name("ci-", &[b"delivery", b"1"]));
        let long = "a".repeat(80);
        assert_eq!(derived_name(&long, &[b"x"]).len(), LONGEST_NAME);
        assert!(derived_name(&long, &[b"x"]).starts_with(&long[..53]));
        // Half a letter is no text.
        assert_eq!(derived_name(&format!("{}é", "a".repeat(52)), &[b"x"]).len(), LONGEST_NAME - 1);
    }
}
