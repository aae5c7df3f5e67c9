//! `host:port`, as Kafka finds it in a text.

/// Host and port at the end of `text`; what stands before them is not looked at, so that
/// `CONTROLLER://host:9093` gives the same as `host:9093`. Brackets around a host are taken off.
pub(super) fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (head, port) = text.rsplit_once(':')?;
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let head = head.strip_suffix(']').unwrap_or(head);
    let begin = head.rfind(|char| !is_host_letter(char)).map_or(0, |at| at + 1);
    // what ends the host is one byte, as all letters of a host are
    let host = head.get(begin..)?;
    Some((host, port.parse().ok()?))
}

/// Whether Kafka takes `text` as a host: letters, digits and `-%._:`.
pub(super) fn is_host(text: &str) -> bool {
    text.chars().all(is_host_letter)
}

fn is_host_letter(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '%' | '.' | '_' | ':')
}
