package dev.graft.peft;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// A regular expression as Python's `re` reads it, for Java's. What both write alike is taken over, what
/// they write differently is translated, and what only one of them has is refused by name: a setting
/// that silently matched other layers here than in PEFT would be worse than one that is refused.
final class PythonRegex {
    private final String python;
    private final StringBuilder java = new StringBuilder();
    private final Map<String, String> groups = new HashMap<>();
    private int captured;
    private int at;
    private boolean quantifiable;

    private PythonRegex(String python) {
        this.python = python;
    }

    /// @throws IllegalArgumentException for what Python would refuse, and for what Java cannot express
    static Pattern compile(String python) {
        return Pattern.compile(new PythonRegex(python).translated(), Pattern.UNIX_LINES);
    }

    /// The pattern in Java's words, checked.
    static String translate(String python) {
        String java = new PythonRegex(python).translated();
        try {
            Pattern.compile(java, Pattern.UNIX_LINES);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("\"%s\" is no regular expression: %s near position %d"
                    .formatted(python, e.getDescription(), e.getIndex()));
        }
        return java;
    }

    private String translated() {
        while (at < python.length()) {
            one();
        }
        return java.toString();
    }

    private void one() {
        char c = python.charAt(at);
        switch (c) {
            case '\\' -> escape(false);
            case '[' -> characterClass();
            case '(' -> group();
            case '*', '+', '?' -> quantifier(String.valueOf(c), 1);
            case '{' -> braces();
            case '|', ')' -> {
                copy(1);
                quantifiable = c == ')';
            }
            case '^', '$' -> {
                // Python repeats neither in a way that would mean something
                copy(1);
                quantifiable = false;
            }
            default -> {
                copy(1);
                quantifiable = true;
            }
        }
    }

    private void copy(int length) {
        java.append(python, at, at + length);
        at += length;
    }

    private void quantifier(String inJava, int length) {
        if (!quantifiable) {
            throw refused("there is nothing that \"%s\" could repeat".formatted(python.substring(at, at + length)));
        }
        java.append(inJava);
        at += length;
        if (at < python.length() && (python.charAt(at) == '?' || python.charAt(at) == '+')) {
            copy(1);
        }
        quantifiable = false;
    }

    /// `{2}`, `{2,}`, `{,3}` and `{2,3}` repeat; any other brace stands for itself.
    private void braces() {
        int end = python.indexOf('}', at);
        String inside = end < 0 ? "" : python.substring(at + 1, end);
        if (inside.matches("[0-9]+(,[0-9]*)?|,[0-9]*") && !inside.isEmpty()) {
            String from = inside.startsWith(",") ? "0" + inside : inside;
            quantifier("{" + from + "}", end + 1 - at);
        } else {
            java.append("\\{");
            at++;
            quantifiable = true;
        }
    }

    private void group() {
        quantifiable = false;
        if (!python.startsWith("(?", at)) {
            captured++;
            copy(1);
            return;
        }
        String rest = python.substring(at + 2);
        if (rest.startsWith("P<")) {
            String name = until('>', at + 4);
            if (groups.containsKey(name)) {
                throw refused("the group name \"%s\" is given twice".formatted(name));
            }
            captured++;
            groups.put(name, "g" + groups.size());
            java.append("(?<").append(groups.get(name)).append('>');
            at += 5 + name.length();
        } else if (rest.startsWith("P=")) {
            String name = until(')', at + 4);
            if (!groups.containsKey(name)) {
                throw refused("there is no group named \"%s\"".formatted(name));
            }
            java.append("\\k<").append(groups.get(name)).append('>');
            at += 5 + name.length();
            quantifiable = true;
        } else if (rest.startsWith("<") && !rest.startsWith("<=") && !rest.startsWith("<!")) {
            throw refused("Python writes a named group as (?P<name>…)");
        } else if (rest.startsWith("(") || rest.startsWith("#")) {
            throw refused(
                    rest.startsWith("(")
                            ? "Java has no conditional groups (?(1)…)"
                            : "Java has no comments (?#…); leave it out");
        } else {
            flagsOrLook(rest);
        }
    }

    private void flagsOrLook(String rest) {
        String flags = rest.replaceFirst("(?s)^([a-zA-Z-]*)[:)].*", "$1");
        if (flags.length() < rest.length() && rest.matches("(?s)[a-zA-Z-]+[:)].*")) {
            if (!flags.matches("[ims]*(-[ims]+)?")) {
                throw refused("the flags \"%s\" do not mean the same to Java; i, m and s do".formatted(flags));
            }
            if (rest.charAt(flags.length()) == ')' && (at != 0 || flags.contains("-"))) {
                throw refused("Python takes flags for the whole expression at its beginning only");
            }
            copy(3 + flags.length());
            return;
        }
        for (String known : new String[] {":", "=", "!", "<=", "<!", ">"}) {
            if (rest.startsWith(known)) {
                copy(2 + known.length());
                return;
            }
        }
        throw refused("(?%s is unknown".formatted(rest.substring(0, Math.min(2, rest.length()))));
    }

    private String until(char end, int from) {
        int to = python.indexOf(end, from);
        String name = to < 0 ? "" : python.substring(from, to);
        if (!name.matches("[A-Za-z_][A-Za-z0-9_]*")) {
            throw refused("the name of a group is missing or no name");
        }
        return name;
    }

    private void escape(boolean inClass) {
        if (at + 1 >= python.length()) {
            throw refused("it ends in a backslash");
        }
        char c = python.charAt(at + 1);
        quantifiable = true;
        switch (c) {
            case 'd', 'D', 's', 'S', 'w', 'W', 'n', 'r', 't', 'f', 'a' -> copy(2);
            case 'v' -> put("\\x0B", 2);
            case 'b' -> {
                quantifiable = inClass;
                put(inClass ? "\\x08" : "\\b", 2);
            }
            case 'A', 'B', 'Z' -> {
                if (inClass) {
                    throw refused("\\%c stands in a class".formatted(c));
                }
                quantifiable = false;
                put(c == 'Z' ? "\\z" : "\\" + c, 2);
            }
            case 'x' -> hexadecimal(2);
            case 'u' -> hexadecimal(4);
            case 'U' -> hexadecimal(8);
            default -> {
                if (c >= '0' && c <= '9') {
                    number(inClass);
                } else if (c < 128 && Character.isLetter(c)) {
                    throw refused("\\%c is no escape of Python's".formatted(c));
                } else {
                    copy(2);
                }
            }
        }
    }

    private void number(boolean inClass) {
        boolean longer = at + 2 < python.length() && Character.isDigit(python.charAt(at + 2));
        if (inClass || longer || python.charAt(at + 1) == '0') {
            throw refused("numbers after a backslash are read differently; write \\xNN for a character");
        }
        if (python.charAt(at + 1) - '0' > captured) {
            throw refused("there is no group of that number");
        }
        copy(2);
    }

    private void hexadecimal(int digits) {
        int end = at + 2 + digits;
        if (end > python.length() || !python.substring(at + 2, end).matches("[0-9a-fA-F]+")) {
            throw refused("\\%c wants %d hexadecimal digits".formatted(python.charAt(at + 1), digits));
        }
        put("\\x{" + python.substring(at + 2, end).replaceFirst("^0+(?=.)", "") + "}", 2 + digits);
    }

    private void put(String inJava, int length) {
        java.append(inJava);
        at += length;
    }

    /// `[…]`: Java would also see unions, intersections and classes within classes.
    private void characterClass() {
        copy(1);
        if (at < python.length() && python.charAt(at) == '^') {
            copy(1);
        }
        boolean first = true;
        while (true) {
            if (at >= python.length()) {
                throw refused("a class [ is not closed");
            }
            char c = python.charAt(at);
            if (c == ']' && !first) {
                copy(1);
                quantifiable = true;
                return;
            }
            if (c == '\\') {
                escape(true);
            } else if (c == '[' || c == ']' || c == '&' || c == '^') {
                put("\\" + c, 1);
            } else {
                copy(1);
            }
            first = false;
        }
    }

    private IllegalArgumentException refused(String why) {
        return new IllegalArgumentException(
                "\"%s\" is no regular expression that Python and Java read alike: %s (position %d)"
                        .formatted(python, why, at));
    }
}
