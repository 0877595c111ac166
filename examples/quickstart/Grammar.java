import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A grammar that writes text: rules with alternatives, expanded at random.
///
/// In a grammar file a line at the margin starts a rule, `name: first | second | third`; indented lines
/// below it are further alternatives, one a line, with `\n` for a line break and `#` at the margin for a
/// comment. Inside:
///
/// - `<city>` is the value bound to `city` if there is one, else a random alternative of the rule `city`;
/// - `<home=city>` picks a new one and binds it to `home` for the rest of the text, different from all
///   values bound;
/// - `<2..40>` is a random whole number, and `<price=2..40>` binds it;
/// - `<item.s>` is its plural, `<who.cap>` starts with a capital, `<count.digits>` turns `three` into `3`.
final class Grammar {
    private static final Pattern SLOT = Pattern.compile("<(?:([a-z_]+)=)?([a-z_]+|\\d+\\.\\.\\d+)(?:\\.(s|cap|digits))?>");
    private static final List<String> NUMBERS = List.of(
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve");

    private final Map<String, List<String>> rules = new LinkedHashMap<>();

    Grammar(Path file) throws IOException {
        List<String> alternatives = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            if (line.startsWith(" ")) {
                alternatives.add(line.strip().replace("\\n", "\n"));
                continue;
            }
            int colon = line.indexOf(':');
            alternatives = rules.computeIfAbsent(line.substring(0, colon), name -> new ArrayList<>());
            String rest = line.substring(colon + 1).strip();
            if (!rest.isEmpty()) {
                alternatives.addAll(List.of(rest.split(" \\| ")));
            }
        }
    }

    /// Text for the rule `name`, with `given` bound from the start.
    String write(String name, Map<String, String> given, RandomGenerator random) {
        return expand(pick(name, random), new HashMap<>(given), random);
    }

    /// All alternatives of a rule, as they stand in the file.
    List<String> alternatives(String name) {
        List<String> found = rules.get(name);
        if (found == null) {
            throw new IllegalArgumentException("no rule '%s'; the rules are %s".formatted(name, rules.keySet()));
        }
        return found;
    }

    /// `3` for `three`; anything that is no number word from zero to twelve stays as it is.
    static String digits(String word) {
        int value = NUMBERS.indexOf(word);
        return value < 0 ? word : Integer.toString(value);
    }

    static String plural(String noun) {
        if (noun.matches(".*[^aeiou]y")) {
            return noun.substring(0, noun.length() - 1) + "ies";
        }
        return noun.matches(".*(s|x|ch|sh)") ? noun + "es" : noun + "s";
    }

    private String pick(String name, RandomGenerator random) {
        List<String> choices = alternatives(name);
        return choices.get(random.nextInt(choices.size()));
    }

    private String expand(String template, Map<String, String> bound, RandomGenerator random) {
        var text = new StringBuilder();
        Matcher slot = SLOT.matcher(template);
        while (slot.find()) {
            String key = slot.group(1), source = slot.group(2), form = slot.group(3);
            String value = key == null && bound.containsKey(source) ? bound.get(source) : fresh(source, bound, random);
            for (int again = 0; key != null && again < 20 && bound.containsValue(value); again++) {
                value = fresh(source, bound, random);
            }
            if (key != null) {
                bound.put(key, value);
            }
            slot.appendReplacement(text, Matcher.quoteReplacement(inflected(value, form)));
        }
        return slot.appendTail(text).toString();
    }

    private String fresh(String source, Map<String, String> bound, RandomGenerator random) {
        int dots = source.indexOf("..");
        if (dots < 0) {
            return expand(pick(source, random), bound, random);
        }
        int low = Integer.parseInt(source.substring(0, dots)), high = Integer.parseInt(source.substring(dots + 2));
        return Integer.toString(low + random.nextInt(high - low + 1));
    }

    private static String inflected(String value, String form) {
        return switch (form) {
            case "s" -> plural(value);
            case "cap" -> Character.toUpperCase(value.charAt(0)) + value.substring(1);
            case "digits" -> digits(value);
            case null, default -> value;
        };
    }
}
