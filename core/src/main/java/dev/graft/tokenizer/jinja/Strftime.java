package dev.graft.tokenizer.jinja;

import java.time.ZonedDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/// A time in the format codes of C and Python, in English.
final class Strftime {

    private Strftime() {}

    static String format(ZonedDateTime time, String format) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            if (format.charAt(i) != '%' || i + 1 == format.length()) {
                out.append(format.charAt(i));
                continue;
            }
            char flag = format.charAt(++i);
            boolean flagged = "-_0^".indexOf(flag) >= 0 && i + 1 < format.length();
            char code = flagged ? format.charAt(++i) : flag;
            String value = value(time, code);
            out.append(
                    switch (flagged ? flag : ' ') {
                        case '-' -> value.replaceFirst("^[0 ]+(?=.)", "");
                        case '_' -> spaced(value);
                        case '0' -> value.replace(' ', '0');
                        case '^' -> value.toUpperCase(Locale.ROOT);
                        default -> value;
                    });
        }
        return out.toString();
    }

    private static String spaced(String digits) {
        String bare = digits.replaceFirst("^0+(?=.)", "");
        return " ".repeat(digits.length() - bare.length()) + bare;
    }

    private static String value(ZonedDateTime time, char code) {
        return switch (code) {
            case 'Y' -> Integer.toString(time.getYear());
            case 'C' -> two(time.getYear() / 100);
            case 'y' -> two(time.getYear() % 100);
            case 'G' -> Integer.toString(time.get(IsoFields.WEEK_BASED_YEAR));
            case 'm' -> two(time.getMonthValue());
            case 'd' -> two(time.getDayOfMonth());
            case 'e' -> padded("%2d", time.getDayOfMonth());
            case 'j' -> padded("%03d", time.getDayOfYear());
            case 'H' -> two(time.getHour());
            case 'k' -> padded("%2d", time.getHour());
            case 'I' -> two(time.get(ChronoField.CLOCK_HOUR_OF_AMPM));
            case 'l' -> padded("%2d", time.get(ChronoField.CLOCK_HOUR_OF_AMPM));
            case 'M' -> two(time.getMinute());
            case 'S' -> two(time.getSecond());
            case 'f' -> padded("%06d", time.get(ChronoField.MICRO_OF_SECOND));
            case 's' -> Long.toString(time.toEpochSecond());
            case 'p' -> time.getHour() < 12 ? "AM" : "PM";
            case 'P' -> time.getHour() < 12 ? "am" : "pm";
            case 'B' -> time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
            case 'b', 'h' ->
                time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH).substring(0, 3);
            case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
            case 'a' ->
                time.getDayOfWeek()
                        .getDisplayName(TextStyle.FULL, Locale.ENGLISH)
                        .substring(0, 3);
            case 'u' -> Integer.toString(time.getDayOfWeek().getValue());
            case 'w' -> Integer.toString(time.getDayOfWeek().getValue() % 7);
            case 'U' -> two((time.getDayOfYear() + 6 - time.getDayOfWeek().getValue() % 7) / 7);
            case 'W' -> two((time.getDayOfYear() + 7 - time.getDayOfWeek().getValue()) / 7);
            case 'V' -> two(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
            case 'c' -> format(time, "%a %b %e %H:%M:%S %Y");
            case 'x', 'D' -> format(time, "%m/%d/%y");
            case 'X', 'T' -> format(time, "%H:%M:%S");
            case 'F' -> format(time, "%Y-%m-%d");
            case 'R' -> format(time, "%H:%M");
            case 'r' -> format(time, "%I:%M:%S %p");
            case 'n' -> "\n";
            case 't' -> "\t";
            case 'Z', 'z' -> ""; // Python's datetime.now() knows no zone
            case '%' -> "%";
            default -> throw PythonError.value("strftime_now: there is no format code %%%c".formatted(code));
        };
    }

    private static String two(int number) {
        return padded("%02d", number);
    }

    /// In the digits 0 to 9, whatever those of the machine's language are.
    private static String padded(String format, int number) {
        return String.format(Locale.ROOT, format, number);
    }
}
