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
            "nothing of them is learnt",
            "Remove these rows, or give each a completion, or something that the assistant says; allowed, they are left"
                    + " out."),
    EOS_NOT_TRAINED(
            Severity.ERROR,
            "no token that ends a text or a turn is learnt in them, so that a model would not learn where to stop",
            "Name the token that ends the assistant's turn as eos_token (tokenizer_config.json) or eos_token_id"
                    + " (generation_config.json), and let {% generation %} of the chat template hold it."),
    DOUBLE_BOS(
            Severity.ERROR,
            "they begin with two tokens that begin a text",
            "The tokenizer puts one there by itself: take it out of the texts, or out of the chat template."),
    SPECIAL_TOKENS_IN_TEXT(
            Severity.ERROR,
            "their own text holds what special tokens are written as, and becomes them",
            "Write it otherwise, or allow it if these tokens are meant."),
    TEMPLATE_MISMATCH(
            Severity.ERROR,
            "they are written otherwise than the rows that are trained on",
            "Bring both into one shape; a model is else measured on a form that it did not learn."),
    EVAL_LEAK(
            Severity.ERROR,
            "they are held out and trained on as well, so that what is measured on them is memory",
            "Take them out of one of the two; graft data split parts rows so that none is in both."),
    EVAL_NEAR_LEAK(
            Severity.ERROR,
            "they are held out, and rows that are nearly the same are trained on",
            "Take them out of one of the two; graft data split keeps rows that are alike on one side."),
    PROMPT_TOO_LONG(
            Severity.ERROR,
            "their prompt alone reaches the greatest length, so that no token of the answer fits behind it",
            "Raise data.max_length, shorten the prompts, or set data.overlong to drop."),
    EMPTY_PROMPT(
            Severity.WARNING,
            "their prompt is empty",
            "If the prompt is in another column, name it with data.columns."),
    DUPLICATE_ROWS(
            Severity.WARNING,
            "they have the tokens of an earlier row and count once more",
            "graft data clean leaves out repetitions."),
    FUSED_SEAM(
            Severity.WARNING,
            "the end of the prompt fuses with the start of the completion, so that the prompt alone has other tokens",
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

    /// What is so with the rows: the rest of a sentence that begins with them.
    String says() {
        return says;
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
