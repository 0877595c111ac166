package dev.graft.data.prepare;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Personal data and secrets that have a form: what a pattern finds, and a check where the form has one.
/// Names and street addresses have none and are not found.
///
/// The order is the precedence where two overlap: a card number is not also a telephone number.
public enum Pii {
    /// Private keys in PEM, and access keys of well-known services by their prefixes, and JSON web tokens.
    KEY(
            "-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----[A-Za-z0-9+/=\\s:,-]{0,20000}?-----END (?:[A-Z]+ ){0,3}PRIVATE KEY-----"
                    + "|\\b(?:AKIA|ASIA)[0-9A-Z]{16}\\b"
                    + "|\\bgh[pousr]_[A-Za-z0-9]{36,255}\\b|\\bgithub_pat_[A-Za-z0-9_]{22,255}\\b"
                    + "|\\bglpat-[A-Za-z0-9_-]{20,255}"
                    + "|\\bsk-[A-Za-z0-9_-]{20,255}|\\b[sr]k_live_[A-Za-z0-9]{16,255}\\b"
                    + "|\\bxox[abeprs]-[A-Za-z0-9-]{10,255}|\\bAIza[0-9A-Za-z_-]{35}|\\bhf_[A-Za-z0-9]{30,255}\\b"
                    + "|\\beyJ[A-Za-z0-9_-]{8,4000}\\.eyJ[A-Za-z0-9_-]{8,4000}\\.[A-Za-z0-9_-]{8,4000}",
            _ -> true),
    EMAIL(
            "(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])",
            _ -> true),
    /// Bank accounts by their check digits (ISO 13616).
    IBAN("\\b[A-Z]{2}\\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b", Pii::isIban),
    /// Payment cards by the check digit of Luhn (ISO/IEC 7812).
    CARD("(?<![\\w.,-])(?<!\\d )[2-6]\\d{3}(?:[ -]?\\d){8,14}\\d(?![\\d-])", Pii::isCard),
    /// With a country code, or written the North American way.
    PHONE(
            "(?<![\\w+])(?<!\\d[ .-])(?:\\+|00)[1-9]\\d{0,2}(?:[ .\\-/]?(?:\\(\\d{1,4}\\)|\\d)){6,13}(?!\\d)"
                    + "|(?<![\\w-])(?:1[ .-])?(?:\\(\\d{3}\\) ?|\\d{3}[ .-])\\d{3}[.-]\\d{4}(?![\\w-])",
            text -> digits(text).length() <= 17),
    /// Addresses of the internet protocol, version 4; local ones are left alone.
    IP("(?<![\\w.])(?:\\d{1,3}\\.){3}\\d{1,3}(?![\\w.]*\\d)", Pii::isPublicAddress);

    /// What one of them stands in every key; looking for it is quicker than the pattern.
    private static final List<String> KEY_MARKS =
            List.of("-----BEGIN ", "AKIA", "ASIA", "gh", "glpat-", "sk-", "k_live_", "xox", "AIza", "hf_", "eyJ");

    private final Pattern pattern;
    private final Predicate<String> check;

    Pii(String pattern, Predicate<String> check) {
        this.pattern = Pattern.compile(pattern);
        this.check = check;
    }

    /// As it is written in options and reports.
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String toString() {
        return label();
    }

    /// What stands in a masked text.
    public String mask() {
        return "<" + name() + ">";
    }

    /// One place in a text.
    ///
    /// @param begin first character
    /// @param end   after the last
    public record Finding(Pii kind, int begin, int end) {}

    /// Everything of these kinds in a text, from left to right; where two overlap, the earlier kind counts.
    public static List<Finding> find(String text, Collection<Pii> kinds) {
        List<Finding> found = new ArrayList<>();
        for (Pii kind : values()) {
            if (kinds.contains(kind) && kind.mayStandIn(text)) {
                Matcher matcher = kind.pattern.matcher(text);
                while (matcher.find()) {
                    int begin = matcher.start();
                    int end = matcher.end();
                    if (kind.check.test(matcher.group())
                            && found.stream().noneMatch(other -> other.begin < end && begin < other.end)) {
                        found.add(new Finding(kind, begin, end));
                    }
                }
            }
        }
        found.sort(Comparator.comparingInt(Finding::begin));
        return found;
    }

    /// Whether the text has what the pattern cannot do without.
    private boolean mayStandIn(String text) {
        return switch (this) {
            case KEY -> KEY_MARKS.stream().anyMatch(text::contains);
            case EMAIL -> text.indexOf('@') >= 0;
            case IBAN -> hasDigits(text, 2);
            case CARD -> hasDigits(text, 13);
            case PHONE -> hasDigits(text, 7);
            case IP -> hasDigits(text, 4) && text.indexOf('.') >= 0;
        };
    }

    private static boolean hasDigits(String text, int wanted) {
        int digits = 0;
        for (int i = 0; i < text.length() && digits < wanted; i++) {
            digits += text.charAt(i) >= '0' && text.charAt(i) <= '9' ? 1 : 0;
        }
        return digits == wanted;
    }

    /// The text with a word such as `<EMAIL>` in each of these places.
    ///
    /// @param findings of this text, from left to right
    public static String masked(String text, List<Finding> findings) {
        var masked = new StringBuilder();
        int from = 0;
        for (Finding finding : findings) {
            masked.append(text, from, finding.begin).append(finding.kind.mask());
            from = finding.end;
        }
        return masked.append(text, from, text.length()).toString();
    }

    private static String digits(String text) {
        return text.replaceAll("\\D", "");
    }

    private static boolean isCard(String text) {
        String digits = digits(text);
        int sum = 0;
        for (int i = 0; i < digits.length(); i++) {
            int digit = digits.charAt(digits.length() - 1 - i) - '0';
            int twice = i % 2 == 1 ? 2 * digit : digit;
            sum += twice > 9 ? twice - 9 : twice;
        }
        return digits.length() >= 13
                && digits.length() <= 19
                && sum % 10 == 0
                && digits.chars().distinct().count() > 1;
    }

    private static boolean isIban(String text) {
        String plain = text.replace(" ", "");
        if (plain.length() < 15 || plain.length() > 34) {
            return false;
        }
        var number = new StringBuilder();
        (plain.substring(4) + plain.substring(0, 4)).chars().forEach(c -> number.append(Character.digit(c, 36)));
        return new BigInteger(number.toString()).mod(BigInteger.valueOf(97)).intValue() == 1;
    }

    private static boolean isPublicAddress(String text) {
        int[] parts = Pattern.compile("\\.")
                .splitAsStream(text)
                .mapToInt(Integer::parseInt)
                .toArray();
        for (int part : parts) {
            if (part > 255) {
                return false;
            }
        }
        boolean local = parts[0] == 0
                || parts[0] == 10
                || parts[0] == 127
                || (parts[0] == 192 && parts[1] == 168)
                || (parts[0] == 172 && parts[1] >= 16 && parts[1] < 32);
        return !local;
    }
}
