package dev.graft.tokenizer;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.TemplateError;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import jinjava.javax.el.CompositeELResolver;

/// How a model writes a conversation as one text: the Jinja template that comes with its tokenizer.
///
/// Rendered as Transformers does: trimmed blocks, no escaping, messages never interpreted, the methods of
/// Python's strings, loops with a condition, `tojson`, `raise_exception`, `strftime_now`, and
/// `{% generation %}` as a block without effect. What the engine lacks or reports stops the rendering: a
/// template that renders partly would teach a model something its author did not write.
public final class ChatTemplate {
    private static final Jinjava ENGINE = engine();

    private final String source;
    private final String stripped;
    private final Optional<String> unsupported;
    private final Map<String, String> specialTokens;

    /// @param source         the Jinja source
    /// @param specialTokens  what the template may refer to: `bos_token` → `<s>`, `eos_token` → `</s>` …
    public ChatTemplate(String source, Map<String, String> specialTokens) {
        this.source = source;
        TemplateCode code = new TemplateCode(source);
        this.unsupported = code.unknown(ENGINE.getGlobalContext());
        this.stripped = code.leftStripped();
        this.specialTokens = Map.copyOf(specialTokens);
    }

    /// The text of a conversation.
    ///
    /// @param addGenerationPrompt  whether the text ends with what opens the assistant's next turn
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        List<Map<String, Object>> turns = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Object> turn = new LinkedHashMap<>();
            turn.put("role", message.role());
            turn.put("content", message.content());
            turns.add(turn);
        }
        return render(Map.of("messages", turns, "add_generation_prompt", addGenerationPrompt));
    }

    /// As [#render(List, boolean)], for any variables the template reads.
    String render(Map<String, Object> variables) {
        if (unsupported.isPresent()) {
            throw new IllegalArgumentException(unsupported.get());
        }
        Map<String, Object> bindings = new LinkedHashMap<>(specialTokens);
        bindings.put("strftime_now", true); // templates ask whether it "is defined" before they call it
        bindings.put("raise_exception", true);
        bindings.putAll(variables);
        var result = ENGINE.renderForResult(stripped, bindings);
        if (!result.getErrors().isEmpty()) {
            throw failure(result.getErrors());
        }
        return result.getOutput();
    }

    /// The template's source, as given.
    public String source() {
        return source;
    }

    private IllegalArgumentException failure(List<TemplateError> errors) {
        TemplateError error = errors.getFirst();
        for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
            if (cause instanceof ChatFunctions.Refusal refusal) {
                return new IllegalArgumentException(
                        "the chat template refuses this conversation (line %d): %s"
                                .formatted(error.getLineno(), refusal.getMessage()),
                        refusal);
            }
        }
        String line = source.lines()
                .skip(Math.max(0, error.getLineno() - 1))
                .findFirst()
                .orElse("")
                .strip();
        return new IllegalArgumentException(
                "the chat template cannot be rendered, line %d: %s%n  %s"
                        .formatted(
                                error.getLineno(),
                                error.getMessage(),
                                line.length() > 200 ? line.substring(0, 200) + " …" : line),
                error.getException());
    }

    private static Jinjava engine() {
        LegacyOverrides asJinja2 = LegacyOverrides.newBuilder()
                .withUsePyishObjectMapper(true)
                .withUseSnakeCasePropertyNaming(true)
                .withIterateOverMapKeys(true)
                .withUseTrimmingForNotesAndExpressions(true)
                .withParseWhitespaceControlStrictly(true)
                .build();
        CompositeELResolver resolver = new CompositeELResolver();
        resolver.add(new PythonStrings());
        resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
        Jinjava engine = new Jinjava(JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLstripBlocks(false) // done by TemplateCode: the engine's own goes too far
                .withNestedInterpretationEnabled(false) // a message that contains {{ … }} is text, not a template
                .withLegacyOverrides(asJinja2)
                .withElResolver(resolver)
                .build());
        ChatFunctions.register(engine.getGlobalContext());
        return engine;
    }
}
