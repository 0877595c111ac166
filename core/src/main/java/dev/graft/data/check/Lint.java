package dev.graft.data.check;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/// One thing that may be wrong with rows. Errors stop a run unless they are allowed by name.
public enum Lint {
    ALL_MASKED(
            Severity.ERROR,
            "of {rows} nothing is learnt",
            "Remove these rows, or give each a completion, or something that the assistant says; allowed, they are left"
                    + " out."),
    EOS_NOT_TRAINED(
            Severity.ERROR,
            "in {rows} no token is learnt that ends a text or a turn, so that a model would not learn where to stop",
            "Name the token that ends the assistant's turn as eos_token (tokenizer_config.json) or eos_token_id"
                    + " (generation_config.json), and let {% generation %} of the chat template hold it."),
    DOUBLE_BOS(
            Severity.ERROR,
            "{rows} {begins|begin} with two tokens that begin a text",
            "The tokenizer puts one there by itself: take it out of the texts, or out of the chat template."),
    SPECIAL_TOKENS_IN_TEXT(
            Severity.ERROR,
            "the text of {rows} itself holds what special tokens are written as, and becomes them",
            "Write it otherwise, or allow it if these tokens are meant."),
    TEMPLATE_MISMATCH(
            Severity.ERROR,
            "{rows} that {is|are} held out {is|are} written otherwise than those that are trained on",
            "Bring both into one shape; a model is else measured on a form that it did not learn."),
    EVAL_LEAK(
            Severity.ERROR,
            "{rows} that {is|are} held out {is|are} trained on as well, so that memory is measured",
            "Take them out: graft data clean HELD_OUT --against TRAIN --output FILE. Or part all rows anew: graft data split."),
    EVAL_NEAR_LEAK(
            Severity.ERROR,
            "{rows} that {is|are} held out nearly {repeats|repeat} rows that are trained on",
            "Take them out: graft data clean HELD_OUT --against TRAIN --near-duplicates --output FILE. Or part all rows anew: graft data split."),
    PROMPT_TOO_LONG(
            Severity.ERROR,
            "in {rows} the prompt alone reaches the greatest length, so that nothing of the answer fits behind it",
            "Raise data.max_length, shorten the prompts, or set data.overlong to drop."),
    EMPTY_PROMPT(
            Severity.WARNING,
            "in {rows} the prompt is empty",
            "If the prompt is in another column, name it with data.columns."),
    DUPLICATE_ROWS(
            Severity.WARNING,
            "{rows} {repeats|repeat} an earlier one and {counts|count} once more",
            "graft data clean leaves out repetitions."),
    FUSED_SEAM(
            Severity.WARNING,
            "in {rows} the end of the prompt fuses with the start of the completion, so that the prompt alone has other tokens",
            "Begin the completion with the space instead of ending the prompt with it.");

    /// Whether a fault stops a run.
    public enum Severity {
        ERROR,
        WARNING
    }

    private final Severity severity;
    private final String says;
    private final String advice;

    Lint(Severity severity, String says, String advice) {
        this.severity = severity;
        this.says = says;
        this.advice = advice;
    }

    /// How a fault of this kind counts, where nothing speaks for less.
    public Severity severity() {
        return severity;
    }

    /// What is so with this many rows.
    String says(int rows) {
        return says.replace("{rows}", String.format(Locale.ROOT, rows == 1 ? "%,d row" : "%,d rows", rows))
                .replaceAll("\\{(\\w+)\\|(\\w+)}", rows == 1 ? "$1" : "$2");
    }

    String advice() {
        return advice;
    }

    /// As a recipe and the command line write it: `eval_leak`.
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static String labels() {
        return Arrays.stream(values()).map(Lint::label).collect(Collectors.joining(", "));
    }

    /// Those of the given names.
    ///
    /// @throws IllegalArgumentException for a name that none has
    public static Set<Lint> named(List<String> names) {
        Set<Lint> lints = EnumSet.noneOf(Lint.class);
        for (String name : names) {
            lints.add(Arrays.stream(values())
                    .filter(lint -> lint.label().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException(
                            "there is no check \"%s\" to allow; the checks are %s".formatted(name, labels()))));
        }
        return lints;
    }
}
