package dev.graft.tokenizer.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Python's format mini-language: `[[fill]align][sign][#][0][width][,][.precision][type]`.
///
/// @param fill   one character
/// @param align  `<`, `>`, `^`, `=`; a space where the type decides
/// @param sign   `+`, `-` or a space
record FormatSpec(
        String fill, char align, char sign, boolean alternate, int width, String grouping, int precision, char type) {
    private static final Pattern SPEC = Pattern.compile(
            "(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\\d{1,9})?([,_])?(?:\\.(\\d{1,9}))?([a-zA-Z%])?", Pattern.DOTALL);
    private static final int MOST_DIGITS = 10_000;

    static FormatSpec of(String text) {
        Matcher matcher = SPEC.matcher(text);
        if (!matcher.matches()) {
            throw PythonError.value("Invalid format specifier '%s'".formatted(text));
        }
        boolean zero = matcher.group(6) != null;
        String fill = matcher.group(1) != null ? matcher.group(1) : zero && matcher.group(2) == null ? "0" : " ";
        char align = matcher.group(2) != null ? matcher.group(2).charAt(0) : zero ? '=' : ' ';
        int precision = number(matcher.group(9), -1);
        int width = number(matcher.group(7), 0);
        if (precision > MOST_DIGITS) {
            throw PythonError.value("a precision of %,d; at most %,d is allowed".formatted(precision, MOST_DIGITS));
        }
        return new FormatSpec(
                fill,
                align,
                matcher.group(3) == null ? '-' : matcher.group(3).charAt(0),
                matcher.group(5) != null,
                width,
                matcher.group(8) == null ? "" : matcher.group(8),
                precision,
                matcher.group(10) == null ? ' ' : matcher.group(10).charAt(0));
    }

    private static int number(String digits, int otherwise) {
        return digits == null ? otherwise : Integer.parseInt(digits);
    }

    /// `format(value, spec)`
    static String format(Object value, String spec) {
        if (spec.isEmpty()) {
            return Python.str(value);
        }
        return switch (value) {
            case String text -> of(spec).text(text);
            case Double number -> of(spec).real(number);
            case BigInteger number -> of(spec).whole(number);
            case Boolean bool -> of(spec).whole(Numbers.whole(bool));
            case null, default ->
                throw PythonError.type(
                        "unsupported format string passed to %s.__format__".formatted(Python.typeName(value)));
        };
    }

    String text(String text) {
        if (type != ' ' && type != 's') {
            throw unknown("str");
        }
        if (!grouping.isEmpty()) {
            throw PythonError.value("Cannot specify '%s' with 's'.".formatted(grouping));
        }
        if (sign != '-') {
            throw PythonError.value((sign == ' ' ? "Space" : "Sign") + " not allowed in string format specifier");
        }
        if (align == '=' && !fill.equals("0")) {
            throw PythonError.value("'=' alignment not allowed in string format specifier");
        }
        String cut = precision >= 0 && precision < Text.length(text)
                ? text.substring(0, Text.offset(text, precision))
                : text;
        return aligned("", cut, align == ' ' || align == '=' ? '<' : align);
    }

    String whole(BigInteger number) {
        if ("eEfFgG%".indexOf(type) >= 0) {
            return real(Numbers.real(number));
        }
        if (precision >= 0) {
            throw PythonError.value("Precision not allowed in integer format specifier");
        }
        String digits = number.abs().toString(radix());
        String prefix = alternate && type != 'd' && type != ' ' && type != 'n' ? "0" + Character.toLowerCase(type) : "";
        if (type == 'c') {
            return aligned("", Character.toString(number.intValueExact()), align == ' ' ? '<' : align);
        }
        String grouped = grouped(type == 'X' ? digits.toUpperCase(Locale.ROOT) : digits, radix() == 10 ? 3 : 4);
        return aligned(
                signOf(number.signum() < 0) + (type == 'X' ? prefix.toUpperCase(Locale.ROOT) : prefix),
                grouped,
                numeric());
    }

    private int radix() {
        return switch (type) {
            case ' ', 'd', 'n', 'c' -> 10;
            case 'b' -> 2;
            case 'o' -> 8;
            case 'x', 'X' -> 16;
            default -> throw unknown("int");
        };
    }

    String real(double number) {
        String sign = signOf(number < 0 || number == 0 && 1 / number < 0);
        if (!Double.isFinite(number)) {
            String name = Double.isNaN(number) ? "nan" : "inf";
            boolean capital = "EFG".indexOf(type) >= 0;
            return aligned(sign, capital ? name.toUpperCase(Locale.ROOT) : name, numeric());
        }
        String digits = digits(new BigDecimal(Math.abs(number)), Math.abs(number));
        int point = digits.indexOf('.') < 0 ? digits.length() : digits.indexOf('.');
        int end = digits.indexOf('e') >= 0 && digits.indexOf('e') < point ? digits.indexOf('e') : point;
        String grouped = grouped(digits.substring(0, end), 3) + digits.substring(end);
        return aligned(sign, Character.isUpperCase(type) ? grouped.toUpperCase(Locale.ROOT) : grouped, numeric());
    }

    private String digits(BigDecimal exact, double number) {
        int places = precision < 0 ? 6 : precision;
        return switch (Character.toLowerCase(type)) {
            case 'f' -> exact.setScale(places, RoundingMode.HALF_EVEN).toPlainString();
            case 'e' -> scientific(exact, places);
            case 'g' -> general(exact, Math.max(1, places), false);
            case '%' ->
                exact.multiply(BigDecimal.valueOf(100))
                                .setScale(places, RoundingMode.HALF_EVEN)
                                .toPlainString() + "%";
            case ' ' -> precision < 0 ? Python.floatRepr(number) : general(exact, Math.max(1, precision), true);
            default -> throw unknown("float");
        };
    }

    private static String scientific(BigDecimal exact, int places) {
        if (exact.signum() == 0) {
            return (places == 0 ? "0" : "0." + "0".repeat(places)) + "e+00";
        }
        BigDecimal rounded = exact.round(new java.math.MathContext(places + 1, RoundingMode.HALF_EVEN));
        int exponent = rounded.precision() - rounded.scale() - 1;
        String digits = rounded.unscaledValue().toString();
        digits = digits.length() < places + 1
                ? digits + "0".repeat(places + 1 - digits.length())
                : digits.substring(0, places + 1);
        return digits.charAt(0) + (places == 0 ? "" : "." + digits.substring(1)) + "e" + (exponent < 0 ? "-" : "+")
                + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    }

    /// As `g`: `digits` significant ones, without an exponent where it is small, and without zeros at the
    /// end.
    private String general(BigDecimal exact, int digits, boolean withPoint) {
        BigDecimal rounded = exact.round(new java.math.MathContext(digits, RoundingMode.HALF_EVEN));
        int exponent = exact.signum() == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
        if (exponent < -4 || exponent >= (withPoint ? Math.max(digits - 1, 1) : digits)) {
            String text = scientific(exact, digits - 1);
            int mark = text.indexOf('e');
            return alternate ? text : withoutZeros(text.substring(0, mark)) + text.substring(mark);
        }
        String plain = exact.setScale(Math.max(0, digits - 1 - exponent), RoundingMode.HALF_EVEN)
                .toPlainString();
        String shortened = alternate ? plain : withoutZeros(plain);
        return withPoint && shortened.indexOf('.') < 0 ? shortened + ".0" : shortened;
    }

    private static String withoutZeros(String digits) {
        return digits.indexOf('.') < 0 ? digits : digits.replaceFirst("\\.?0+$", "");
    }

    private String signOf(boolean negative) {
        return negative ? "-" : sign == '-' ? "" : Character.toString(sign);
    }

    private String grouped(String digits, int size) {
        if (grouping.isEmpty()) {
            return digits;
        }
        StringBuilder result = new StringBuilder(digits);
        for (int i = digits.length() - size; i > 0; i -= size) {
            result.insert(i, grouping);
        }
        return result.toString();
    }

    private char numeric() {
        return align == ' ' ? '>' : align;
    }

    private String aligned(String sign, String body, char where) {
        Interpreter.requireBounded(width);
        int missing = Math.max(0, width - Text.length(sign) - Text.length(body));
        int left = where == '<' ? 0 : where == '^' ? missing / 2 : missing;
        return where == '='
                ? sign + fill.repeat(missing) + body
                : fill.repeat(left) + sign + body + fill.repeat(missing - left);
    }

    private PythonError unknown(String of) {
        return PythonError.value("Unknown format code '%c' for object of type '%s'".formatted(type, of));
    }
}
