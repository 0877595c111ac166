package dev.graft.cli;

import java.util.ArrayList;
import java.util.List;

/// The keys of a recipe as `graft train --help` shows them: name, default, meaning.
final class RecipeHelp {
    private static final int LONGEST_WORD = 60;
    private static final int INDENT = 2;

    private RecipeHelp() {}

    /// A table of every key, its default and its meaning, in sections, wrapped at `width` columns.
    static String table(int width) {
        int nameWidth = RecipeKey.ALL.stream()
                        .mapToInt(key -> shown(key).length())
                        .max()
                        .orElseThrow()
                + 2;
        int defaultWidth = RecipeKey.ALL.stream()
                        .mapToInt(key -> standard(key).length())
                        .max()
                        .orElseThrow()
                + 2;
        var table = new StringBuilder();
        String section = "";
        for (RecipeKey key : RecipeKey.ALL) {
            if (!RecipeKey.section(key.path()).equals(section)) {
                section = RecipeKey.section(key.path());
                table.append(section, 0, section.length() - 1).append(":\n");
            }
            String left = " ".repeat(section.isEmpty() ? 0 : INDENT) + pad(shown(key), nameWidth);
            left = pad(left, nameWidth + INDENT) + pad(standard(key), defaultWidth);
            List<String> meaning = wrap(meaning(key), Math.max(30, width - left.length()));
            table.append(left).append(meaning.getFirst()).append('\n');
            meaning.stream()
                    .skip(1)
                    .forEach(line -> table.append(" ".repeat(nameWidth + INDENT + defaultWidth))
                            .append(line)
                            .append('\n'));
        }
        return table.toString();
    }

    private static String shown(RecipeKey key) {
        return key.path().substring(RecipeKey.section(key.path()).length());
    }

    private static String standard(RecipeKey key) {
        if (!key.about().or().isEmpty()) {
            return key.about().or();
        }
        return key.isRequired() ? "required" : "-";
    }

    private static String meaning(RecipeKey key) {
        String list = RecipeKey.choices(key.type());
        String choices = list.length() > LONGEST_WORD ? list : list.replace(" ", ""); // one word is not wrapped
        return choices.contains("|")
                ? "%s: %s".formatted(choices, key.about().help())
                : key.about().help();
    }

    private static List<String> wrap(String text, int width) {
        List<String> lines = new ArrayList<>();
        var line = new StringBuilder();
        for (String word : text.split(" ")) {
            if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }

    private static String pad(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }
}
