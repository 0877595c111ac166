package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.JsonValues;
import dev.graft.tokenizer.Tokenizer;
import dev.graft.tokenizer.jinja.TemplateException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `graft data render`: what a chat template makes of conversations.
@Command(
        name = "render",
        mixinStandardHelpOptions = true,
        header = "Writes what a chat template makes of conversations.",
        description = {
            "%nEach row holds the variables of the template: @|bold messages|@, @|bold tools|@,"
                    + " @|bold add_generation_prompt|@ or any other. Or it brings its own template:"
                    + " {\"template\": …, \"context\": {…}}. It comes out as it was, with @|bold text|@, or with"
                    + " @|bold error|@ where the template raises one or cannot be rendered.",
            "%nWith --model the row is what apply_chat_template of Transformers is given; with --template alone, and"
                    + " with a template of its own, the template sees the row's variables and nothing else.%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {
            "  $ echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}' > in.jsonl",
            "  $ graft data render --template chatml --input in.jsonl --output out.jsonl",
            "  1 row rendered"
        })
final class DataRenderCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(names = "--model", paramLabel = "MODEL", description = "Model whose template and special tokens to use.")
    private Path model;

    @Option(
            names = {"--template", "--chat-template"},
            paramLabel = "FILE|NAME",
            description = "Template to use: a Jinja file, or alpaca, chatml, gemma, llama3, mistral, phi3, zephyr.")
    private String template;

    @Option(names = "--input", required = true, paramLabel = "FILE", description = "Rows to render.")
    private Path input;

    @Mixin
    private OutputOptions output;

    private Optional<ChatTemplate> chosen = Optional.empty();
    private final Map<String, ChatTemplate> own = new HashMap<>();
    private int failed;
    private int replaced;

    @Override
    public void run() {
        output.requireRows(List.of(input));
        chosen = template == null ? Optional.empty() : Optional.of(ChatTemplate.of(template));
        if (model != null) {
            try (Tokenizer tokenizer = Tokenizer.load(model, chosen)) {
                chosen = tokenizer.chatTemplate();
            }
        }
        long rows = DataRows.change(input, output.file(), this::render);
        spec.commandLine().getOut().println(summary(rows));
        spec.commandLine().getOut().flush();
    }

    private void render(ObjectNode row) {
        boolean brings = row.has("template");
        ChatTemplate used = brings ? own(row.get("template")) : chosen.orElseThrow(this::noTemplate);
        Map<String, Object> variables = variables(row, brings);
        replaced += row.has("text") || row.has("error") ? 1 : 0;
        row.remove(List.of("text", "error"));
        try {
            row.put("text", (model != null && !brings ? used.render(variables) : used.renderOnly(variables)).text());
        } catch (IllegalArgumentException e) {
            failed++;
            row.put(
                    "error",
                    e.getCause() instanceof TemplateException cause && cause.isRaisedByTemplate()
                            ? cause.reason()
                            : e.getMessage());
        }
    }

    private ChatTemplate own(JsonNode source) {
        if (!source.isTextual()) {
            throw new IllegalArgumentException("has a \"template\" that is no text: " + source);
        }
        return own.computeIfAbsent(source.textValue(), text -> new ChatTemplate(text, Map.of()));
    }

    private IllegalArgumentException noTemplate() {
        return new IllegalArgumentException(
                model == null
                        ? "has no \"template\" of its own; give --model or --template"
                        : "has no \"template\" of its own, and %s has no chat template; give --template"
                                .formatted(model));
    }

    private static Map<String, Object> variables(ObjectNode row, boolean bringsTemplate) {
        JsonNode context = row.path("context");
        if (context.isObject() && (bringsTemplate || !row.has("messages"))) {
            return JsonValues.map(context);
        }
        if (bringsTemplate && !context.isMissingNode()) {
            throw new IllegalArgumentException("has a \"context\" that is no object: " + context);
        }
        ObjectNode variables = row.deepCopy();
        variables.remove("template");
        return JsonValues.map(variables);
    }

    private String summary(long rows) {
        String done = "%,d %s rendered".formatted(rows - failed, rows - failed == 1 ? "row" : "rows");
        String errors = failed == 0 ? "" : "; %,d with an error".formatted(failed);
        return done
                + errors
                + (replaced == 0
                        ? ""
                        : "; \"text\" or \"error\" that was there before replaced in %,d".formatted(replaced));
    }
}
