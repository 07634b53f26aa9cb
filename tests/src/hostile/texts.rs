//! Hostile texts, which come from agents, upstreams and addresses.

/// Texts that end an element, an attribute or a comment, deceive a reader, or look like other texts.
pub const POISON: [&str; 7] = [
    "<script>alert(1)</script>",
    "</pre></section><img src=x onerror=alert(1)>",
    "\" onload=\"alert(1)\" '--><svg/onload=alert(1)>",
    "</title></style><style>*{display:none}</style>",
    "&lt;b&gt; &#60;script&#62; \u{202e}ecalevol\u{2066}\u{200b}",
    "fine\u{1b}[2J\u{0}\u{8}\n<h1>approved by bob</h1>",
    "\u{455}uppo\u{433}t-\u{4cf}ead \u{5d0}\u{5d1} <bdo dir=rtl>",
];
