package dev.graft.tokenizer.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.OptionalInt;

/// Python's arithmetic: whole numbers without bounds, floats, and booleans that count as 0 and 1.
final class Numbers {
    /// A power with more bits than this is refused rather than computed.
    private static final int MOST_BITS = 100_000;

    private Numbers() {}

    static boolean isNumber(Object value) {
        return value instanceof BigInteger || value instanceof Double || value instanceof Boolean;
    }

    static boolean isWhole(Object value) {
        return value instanceof BigInteger || value instanceof Boolean;
    }

    static BigInteger whole(Object value) {
        return switch (value) {
            case BigInteger number -> number;
            case Boolean bool -> bool ? BigInteger.ONE : BigInteger.ZERO;
            default -> throw new IllegalStateException("no whole number: " + value);
        };
    }

    static double real(Object value) {
        if (value instanceof Double number) {
            return number;
        }
        double real = whole(value).doubleValue();
        if (Double.isInfinite(real)) {
            throw PythonError.other("int too large to convert to float");
        }
        return real;
    }

    static BigInteger of(long value) {
        return BigInteger.valueOf(value);
    }

    /// The value as a place in a sequence; empty for what is no whole number. Far places are brought into
    /// reach.
    static OptionalInt index(Object value) {
        if (!isWhole(value)) {
            return OptionalInt.empty();
        }
        BigInteger limit = of(Integer.MAX_VALUE);
        return OptionalInt.of(whole(value).min(limit).max(limit.negate()).intValue());
    }

    static boolean equal(Object a, Object b) {
        if (isWhole(a) && isWhole(b)) {
            return whole(a).equals(whole(b));
        }
        return isNan(a) || isNan(b) ? false : compare(a, b) == 0;
    }

    private static boolean isNan(Object value) {
        return value instanceof Double number && number.isNaN();
    }

    static int compare(Object a, Object b) {
        if (isWhole(a) && isWhole(b)) {
            return whole(a).compareTo(whole(b));
        }
        if (a instanceof Double x && !Double.isFinite(x) || b instanceof Double y && !Double.isFinite(y)) {
            return Double.compare(a instanceof Double x ? x : 0, b instanceof Double y ? y : 0);
        }
        return exact(a).compareTo(exact(b));
    }

    private static BigDecimal exact(Object value) {
        return value instanceof Double number ? new BigDecimal(number) : new BigDecimal(whole(value));
    }

    /// `a operator b` for two numbers.
    static Object binary(String operator, Object a, Object b) {
        if (operator.equals("/")) {
            requireDivisor(b, "division by zero");
            return real(a) / real(b);
        }
        return isWhole(a) && isWhole(b)
                ? whole(operator, whole(a), whole(b))
                : (Object) real(operator, real(a), real(b));
    }

    private static Object whole(String operator, BigInteger a, BigInteger b) {
        return switch (operator) {
            case "+" -> a.add(b);
            case "-" -> a.subtract(b);
            case "*" -> {
                requireBits((long) a.bitLength() + b.bitLength());
                yield a.multiply(b);
            }
            case "**" -> power(a, b);
            case "//" -> {
                requireDivisor(b, "integer division or modulo by zero");
                BigInteger[] parts = a.divideAndRemainder(b);
                yield parts[1].signum() != 0 && parts[1].signum() != b.signum()
                        ? parts[0].subtract(BigInteger.ONE)
                        : parts[0];
            }
            case "%" -> {
                requireDivisor(b, "integer modulo by zero");
                BigInteger rest = a.remainder(b);
                yield rest.signum() != 0 && rest.signum() != b.signum() ? rest.add(b) : rest;
            }
            default -> throw new IllegalStateException("no operator: " + operator);
        };
    }

    private static Object power(BigInteger a, BigInteger b) {
        if (b.signum() < 0) {
            return real("**", a.doubleValue(), b.doubleValue());
        }
        boolean small = a.abs().compareTo(BigInteger.ONE) <= 0;
        if (small) {
            return a.signum() < 0 && !b.testBit(0) || b.signum() == 0 ? BigInteger.ONE : a;
        }
        requireBits(b.bitLength() > 31 ? Long.MAX_VALUE : b.longValue() * a.bitLength());
        return a.pow(b.intValueExact());
    }

    private static void requireBits(long bits) {
        if (bits > MOST_BITS) {
            throw PythonError.other("a number with more than %,d bits is not computed".formatted(MOST_BITS));
        }
    }

    private static double real(String operator, double a, double b) {
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "**" -> {
                if (a == 0 && b < 0) {
                    throw PythonError.other("0.0 cannot be raised to a negative power");
                }
                if (a < 0 && b != Math.rint(b)) {
                    throw PythonError.other("a negative number to the power %s is complex".formatted(b));
                }
                yield Math.pow(a, b);
            }
            case "//" -> {
                requireDivisor(b, "float floor division by zero");
                yield Math.floor((a - modulo(a, b)) / b + 0.5);
            }
            case "%" -> {
                requireDivisor(b, "float modulo");
                yield modulo(a, b);
            }
            default -> throw new IllegalStateException("no operator: " + operator);
        };
    }

    private static double modulo(double a, double b) {
        double rest = a % b;
        return rest == 0 ? Math.copySign(0, b) : rest < 0 != b < 0 ? rest + b : rest;
    }

    private static void requireDivisor(Object b, String message) {
        if (real(b) == 0) {
            throw PythonError.other(message);
        }
    }

    /// `int(text, base)`
    static BigInteger parseWhole(String text, int base) {
        String digits = Text.strip(text).replaceAll("(?<=[0-9a-zA-Z])_(?=[0-9a-zA-Z])", "");
        String prefix = digits.replaceFirst("^[+-]?(0[xXoObB])?.*$", "$1").toLowerCase(Locale.ROOT);
        int ofPrefix = prefix.equals("0x") ? 16 : prefix.equals("0o") ? 8 : prefix.equals("0b") ? 2 : 0;
        if (ofPrefix != 0 && (base == ofPrefix || base == 0)) {
            digits = digits.replaceFirst("0[xXoObB]", "");
        }
        try {
            return new BigInteger(digits, base == 0 ? (ofPrefix == 0 ? 10 : ofPrefix) : base);
        } catch (NumberFormatException e) {
            throw PythonError.value("invalid literal for int() with base %d: %s".formatted(base, Text.repr(text)));
        }
    }

    /// `float(text)`
    static double parseReal(String text) {
        String stripped = Text.strip(text).toLowerCase(Locale.ROOT);
        String unsigned = stripped.replaceFirst("^[+-]", "");
        double sign = stripped.startsWith("-") ? -1 : 1;
        if (unsigned.equals("inf") || unsigned.equals("infinity")) {
            return sign * Double.POSITIVE_INFINITY;
        }
        if (unsigned.equals("nan")) {
            return Double.NaN;
        }
        String digits = unsigned.replaceAll("(?<=\\d)_(?=\\d)", "");
        if (!digits.matches("(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?")) {
            throw PythonError.value("could not convert string to float: " + Text.repr(text));
        }
        return sign * Double.parseDouble(digits);
    }

    /// `int(value)` of a float: without its fraction.
    static BigInteger truncated(double value) {
        if (Double.isNaN(value)) {
            throw PythonError.value("cannot convert float NaN to integer");
        }
        if (Double.isInfinite(value)) {
            throw PythonError.other("cannot convert float infinity to integer");
        }
        return new BigDecimal(value).toBigInteger();
    }
}
