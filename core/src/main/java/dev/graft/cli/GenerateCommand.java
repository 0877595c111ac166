package dev.graft.cli;

import dev.graft.format.Json;
import dev.graft.generate.Completion;
import dev.graft.generate.GenerationSettings;
import dev.graft.generate.TextGenerator;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `graft generate`: continues a text.
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        header = "Continues a text.",
        description = {
            "%nPrints the prompt and what the model writes after it, as it comes (with @|bold --chat|@ only the answer). It"
                    + " ends at a stop token of the model or its chat template, after --max-new-tokens, or where the"
                    + " model's context ends.",
            "%nWith @|bold --json|@ it prints one object instead:",
            "  prompt, completion       as text; with --chat the prompt as the chat template writes it",
            "  text                     prompt + completion",
            "  token_ids                of the prompt as the model read it, then the new ones",
            "  new_token_ids            the new ones alone",
            "  stopped                  true at a stop token, false where the length ran out",
            "  seconds, tokens_per_second%n"
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft generate models/stories --prompt \"Once upon a time\"",
            "  graft generate models/base --adapter runs/mine/adapter --prompt \"Q: 2+2? A:\"",
            "  graft generate models/qwen --chat --prompt \"What is 2+2?\"",
            "  graft generate models/stories --prompt - --temperature 0.8 --json < prompt.txt"
        })
final class GenerateCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Mixin
    private ModelOptions options;

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "Text to continue; - reads it from standard input, without the line break at its end.")
    private String prompt;

    @Option(
            names = "--chat",
            description = "The prompt is a message to the model: its chat template writes it. Without, the prompt is"
                    + " continued as it stands.")
    private boolean chat;

    @Option(names = "--system", paramLabel = "TEXT", description = "With --chat: a system message before it.")
    private String system;

    @Mixin
    private TemplateOptions template;

    @Mixin
    private SamplingOptions sampling;

    @Option(names = "--json", description = "Print one JSON object instead of the text.")
    private boolean json;

    @Override
    public void run() {
        GenerationSettings settings = sampling.settings(spec.commandLine());
        String text = prompt.equals("-") ? standardInput() : prompt;
        PrintWriter out = spec.commandLine().getOut();
        Optional<ChatTemplate> chosen = template.chosen();
        if (!chat && (chosen.isPresent() || system != null)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "%s is for --chat; without it the prompt is continued as it stands"
                            .formatted(system == null ? "--chat-template" : "--system"));
        }
        try (LoadedModel loaded = LoadedModel.of(options, chosen)) {
            var generator = new TextGenerator(loaded.model(), loaded.tokenizer());
            String read = chat ? conversation(loaded.tokenizer(), text) : text;
            int[] ids = chat ? loaded.tokenizer().encode(read, false) : generator.promptIds(read);
            if (ids.length == 0) {
                throw new IllegalArgumentException(
                        "the prompt is empty and this model has no beginning-of-text token; give it some text to continue");
            }
            Consumer<String> show = json ? piece -> {} : shown(out);
            if (!chat) {
                show.accept(text);
            }
            long began = System.nanoTime();
            Completion completion = generator.generate(ids, settings, show);
            double seconds = (System.nanoTime() - began) / 1e9;
            out.println(json ? Json.line(described(read, completion, seconds)) : "");
            out.flush();
            sayTiming(completion, seconds);
        }
    }

    private String conversation(Tokenizer tokenizer, String text) {
        ChatTemplate written = tokenizer
                .chatTemplate()
                .orElseThrow(() -> new IllegalArgumentException(
                        "--chat: %s has no chat template; %s".formatted(options.model(), TemplateOptions.ADVICE)));
        List<Message> messages = new ArrayList<>();
        Optional.ofNullable(system).map(own -> new Message("system", own)).ifPresent(messages::add);
        messages.add(new Message("user", text));
        return written.render(messages, true);
    }

    private static Consumer<String> shown(PrintWriter out) {
        boolean toTerminal = Console.stdout().isTerminal();
        return piece -> {
            out.print(toTerminal ? TerminalText.safe(piece) : piece);
            out.flush();
        };
    }

    private static Map<String, Object> described(String prompt, Completion completion, double seconds) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("prompt", prompt);
        all.put("completion", completion.text());
        all.put("text", prompt + completion.text());
        all.put(
                "token_ids",
                IntStream.concat(IntStream.of(completion.promptIds()), IntStream.of(completion.ids()))
                        .toArray());
        all.put("new_token_ids", completion.ids());
        all.put("stopped", completion.stopped());
        all.put("seconds", seconds);
        all.put("tokens_per_second", completion.ids().length / seconds);
        return all;
    }

    private void sayTiming(Completion completion, double seconds) {
        Console console = Console.stderr();
        if (console.isTerminal() && !json) {
            console.say(console.style().dim(timing(completion, seconds)));
        }
    }

    /// `60 tokens in 0.5 s, 120 tokens/s`
    static String timing(Completion completion, double seconds) {
        int tokens = completion.ids().length;
        return String.format(Locale.ROOT, "%d %s in %.1f s", tokens, tokens == 1 ? "token" : "tokens", seconds)
                + (tokens == 0 ? "" : ", %s tokens/s".formatted(Progress.rate(tokens / seconds)))
                + (completion.stopped() ? "" : "; the length ran out");
    }

    private static String standardInput() {
        try {
            byte[] bytes = System.in.readAllBytes();
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.replaceFirst("\\R\\z", "");
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("the prompt on standard input is not UTF-8 text", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the prompt from standard input", e);
        }
    }
}
