package dev.graft.tokenizer;

import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.tokenizer.jinja.Rendered;
import dev.graft.tokenizer.jinja.Template;
import dev.graft.tokenizer.jinja.TemplateException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/// How a model writes a conversation as one text: the Jinja template that comes with its tokenizer.
///
/// Rendered exactly as Transformers does ([Template]). A model may have several templates by name; then
/// `tool_use` is for conversations with tools and `default` for the others. What a template objects to, or
/// cannot render, is an exception: a text that its author did not write would teach a model something else.
public final class ChatTemplate {
    private static final String DEFAULT = "default";
    /// The names of the templates that come with Graft.
    public static final List<String> BUILT_IN =
            List.of("alpaca", "chatml", "gemma", "llama3", "mistral", "phi3", "zephyr");
    private static final Pattern GENERATION = Pattern.compile("\\{%[-+]?\\s*generation\\s*[-+]?%}");
    private static final List<String> REASONING = List.of("reasoning_content", "thinking", "reasoning");

    private final Map<String, String> sources;
    private final Map<String, String> specialTokens;
    private final Map<String, Template> parsed = new ConcurrentHashMap<>();

    /// @param source         the Jinja source
    /// @param specialTokens  what the template may refer to: `bos_token` → `<s>`, `eos_token` → `</s>` …
    public ChatTemplate(String source, Map<String, String> specialTokens) {
        this(Map.of(DEFAULT, source), specialTokens);
    }

    /// @param sources  the Jinja sources by their names: `default`, `tool_use`, `rag` …
    public ChatTemplate(Map<String, String> sources, Map<String, String> specialTokens) {
        if (sources.isEmpty()) {
            throw new IllegalArgumentException("there is no chat template among the named ones; expected at least one");
        }
        this.sources = Map.copyOf(sources);
        this.specialTokens = Map.copyOf(specialTokens);
    }

    /// The names of the templates that come with Graft.
    public static String builtInNames() {
        return String.join(", ", BUILT_IN);
    }

    /// A template for a model that has none: one of [#builtInNames], or a file that holds one.
    public static ChatTemplate of(String nameOrFile) {
        if (BUILT_IN.contains(nameOrFile)) {
            return new ChatTemplate(builtIn(nameOrFile), Map.of());
        }
        Path file = Path.of(nameOrFile);
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(
                    "\"%s\" is neither a chat template of Graft's nor a file; expected one of %s, or the path of a .jinja file"
                            .formatted(nameOrFile, builtInNames()));
        }
        try {
            return new ChatTemplate(Files.readString(file), Map.of());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(file, e.getMessage()), e);
        }
    }

    private static String builtIn(String name) {
        try (InputStream in = ChatTemplate.class.getResourceAsStream("templates/%s.jinja".formatted(name))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the chat template " + name, e);
        }
    }

    /// The template that lies with a model, an adapter or a tokenizer; empty where there is none.
    public static Optional<ChatTemplate> in(Path folder) {
        Map<String, String> sources = TokenizerTexts.of(folder).chatTemplates();
        return sources.isEmpty() ? Optional.empty() : Optional.of(new ChatTemplate(sources, Map.of()));
    }

    /// This template with other tokens to refer to.
    public ChatTemplate withSpecialTokens(Map<String, String> tokens) {
        return new ChatTemplate(sources, tokens);
    }

    /// The template of the given name alone.
    public ChatTemplate named(String name) {
        if (!sources.containsKey(name)) {
            throw new IllegalArgumentException(
                    "the model has no chat template \"%s\"; it has %s".formatted(name, names()));
        }
        return new ChatTemplate(sources.get(name), specialTokens);
    }

    /// The text of a conversation.
    ///
    /// @param addGenerationPrompt  whether the text ends with what opens the assistant's next turn
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        return render(messages, Map.of(), addGenerationPrompt).text();
    }

    /// The text of a conversation, and where the template says the assistant's words are.
    ///
    /// @param variables  what else the template may read: `tools`, `documents`, `enable_thinking` …
    public Rendered render(List<Message> messages, Map<String, ?> variables, boolean addGenerationPrompt) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("add_generation_prompt", addGenerationPrompt);
        all.putAll(variables);
        all.put("messages", messages.stream().map(Message::fields).toList());
        return render(all);
    }

    /// As `apply_chat_template` of Transformers with these arguments: `tools`, `documents` and
    /// `add_generation_prompt` have values though none are given, and a message's reasoning can be read by
    /// its older names.
    public Rendered render(Map<String, ?> arguments) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("tools", null);
        all.put("documents", null);
        all.put("add_generation_prompt", false);
        all.putAll(arguments);
        if (arguments.get("messages") instanceof List<?> messages) {
            all.put(
                    "messages",
                    messages.stream().map(ChatTemplate::withReasoning).toList());
        }
        return renderOnly(all);
    }

    /// With exactly these variables, and the special tokens where they are not among them.
    public Rendered renderOnly(Map<String, ?> variables) {
        String source = source(variables.get("tools") != null);
        Map<String, Object> bindings = new LinkedHashMap<>(specialTokens);
        bindings.putAll(variables);
        try {
            return parsed.computeIfAbsent(source, Template::new).render(bindings);
        } catch (TemplateException e) {
            throw new IllegalArgumentException(message(e, source), e);
        }
    }

    /// The names and sources of all its templates.
    public Map<String, String> sources() {
        return sources;
    }

    /// The source of the template for plain conversations; where there is none, all sources with their
    /// names.
    public String source() {
        return sources.containsKey(DEFAULT) ? source(false) : new TreeMap<>(sources).toString();
    }

    /// All sources and the special tokens they may write, in one text: what makes two templates the same.
    public String identity() {
        Map<String, String> written = new TreeMap<>(specialTokens);
        written.keySet().removeIf(name -> sources.values().stream().noneMatch(source -> source.contains(name)));
        return new TreeMap<>(sources) + "\n" + written;
    }

    /// Whether the template marks what the assistant says, by `{% generation %}`.
    public boolean marksGenerations(boolean withTools) {
        return GENERATION.matcher(source(withTools)).find();
    }

    private String source(boolean withTools) {
        return Optional.ofNullable(withTools ? sources.get("tool_use") : null)
                .or(() -> Optional.ofNullable(sources.get(DEFAULT)))
                .orElseThrow(() -> new IllegalArgumentException(
                        "none of the model's chat templates is called \"default\"; put the one you mean into chat_template.jinja: %s"
                                .formatted(names())));
    }

    private String names() {
        return String.join(", ", new TreeSet<>(sources.keySet()));
    }

    private static Object withReasoning(Object message) {
        if (!(message instanceof Map<?, ?> fields)) {
            return message;
        }
        Object reasoning = REASONING.stream()
                .map(fields::get)
                .filter(value -> value != null)
                .findFirst()
                .orElse(null);
        if (reasoning == null) {
            return message;
        }
        Map<Object, Object> aliased = new LinkedHashMap<>();
        aliased.put("thinking", reasoning);
        aliased.putAll(fields);
        aliased.put("reasoning_content", reasoning);
        return aliased;
    }

    private static String message(TemplateException e, String source) {
        if (e.isRaisedByTemplate()) {
            return "the chat template refuses this conversation (line %d): %s".formatted(e.line(), e.reason());
        }
        String line = source.lines()
                .skip(Math.max(0, e.line() - 1))
                .findFirst()
                .orElse("")
                .strip();
        return "the chat template cannot be rendered, line %d: %s%n  %s"
                .formatted(e.line(), e.reason(), line.length() > 200 ? line.substring(0, 200) + " …" : line);
    }
}
