package dev.graft.cli;

import dev.graft.generate.Completion;
import dev.graft.generate.GenerationSettings;
import dev.graft.generate.TextGenerator;
import dev.graft.model.LanguageModel;
import dev.graft.tokenizer.ChatTemplate;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `graft chat`: a conversation with a model.
@Command(
        name = "chat",
        mixinStandardHelpOptions = true,
        defaultValueProvider = ChatCommand.Defaults.class,
        header = "Talks with a model.",
        description = {
            "%nOn a terminal: Ctrl-C stops an answer, Ctrl-D leaves, @|bold /help|@ lists commands. In a pipe every line"
                    + " of standard input is a message, and only the answers are printed.",
            "%nThe conversation is written by the chat template of the model. A model without one is no chat model:"
                    + " each message is then a text of its own that the model continues. When the conversation outgrows"
                    + " the model's context, the oldest exchanges are forgotten, and a line says so.%n"
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft chat models/qwen --system \"You answer in one sentence.\"",
            "  graft chat models/base --adapter runs/mine/adapter --no-template < in.txt"
        })
final class ChatCommand implements Runnable {
    private static final String HELP = """
            /reset  starts a new conversation
            /exit   leaves, as Ctrl-D does
            /help   shows this
            Ctrl-C stops an answer. Everything else is a message.""";

    @Spec
    private CommandSpec spec;

    @Mixin
    private ModelOptions options;

    @Mixin
    private TemplateOptions template;

    @Option(names = "--system", paramLabel = "TEXT", description = "System message at the start of the conversation.")
    private String system;

    @Option(
            names = "--no-template",
            description = "Continue each message as it stands, also where the model has a chat template: for adapters"
                    + " that were trained on prompts and completions.")
    private boolean noTemplate;

    @Mixin
    private SamplingOptions sampling;

    /// A conversation wants longer and livelier answers than `graft generate` gives.
    static final class Defaults implements IDefaultValueProvider {
        @Override
        public String defaultValue(ArgSpec argument) {
            if (!(argument instanceof OptionSpec option)) {
                return null;
            }
            return switch (option.longestName()) {
                case "--max-new-tokens" -> "512";
                case "--temperature" -> "0.7";
                default -> null; // as the option itself says
            };
        }
    }

    @Override
    public void run() {
        GenerationSettings settings = sampling.settings(spec.commandLine());
        if (noTemplate && system != null) {
            throw new ParameterException(
                    spec.commandLine(), "--system needs the chat template that --no-template switches off");
        }
        Optional<ChatTemplate> chosen = template.chosen();
        if (noTemplate && chosen.isPresent()) {
            throw new ParameterException(
                    spec.commandLine(), "--chat-template names the template that --no-template switches off");
        }
        try (LoadedModel loaded = LoadedModel.of(options, chosen);
                ChatInput input = ChatInput.open()) {
            Optional<ChatTemplate> template =
                    noTemplate ? Optional.empty() : loaded.tokenizer().chatTemplate();
            var session = new Session(loaded, template, settings, input);
            session.greet();
            while (session.turn()) {
                // until the user leaves
            }
        }
    }

    /// One conversation from its greeting to its end.
    private final class Session {
        private final ChatInput input;
        private final GenerationSettings settings;
        private final TextGenerator generator;
        private final Conversation conversation;
        private final boolean hasTemplate;
        private final PrintWriter out = spec.commandLine().getOut();
        private final PrintWriter err = spec.commandLine().getErr();
        private final Style style = Console.stderr().style();
        private int answers;

        Session(LoadedModel loaded, Optional<ChatTemplate> template, GenerationSettings settings, ChatInput input) {
            LanguageModel model = loaded.model();
            if (template.isEmpty() && system != null) {
                throw new IllegalArgumentException("--system: %s has no chat template to put a system message in; %s"
                        .formatted(options.model(), TemplateOptions.ADVICE));
            }
            // an answer gets what was asked for, but of a short context not more than half
            int answer = Math.min(settings.maxNewTokens(), model.maxPositions() / 2);
            this.input = input;
            this.settings = settings;
            this.generator = new TextGenerator(model, loaded.tokenizer());
            this.conversation = new Conversation(
                    loaded.tokenizer(), template, Optional.ofNullable(system), model.maxPositions() - answer);
            this.hasTemplate = template.isPresent();
        }

        void greet() {
            if (input.isInteractive()) {
                String name = String.valueOf(
                        options.model().toAbsolutePath().normalize().getFileName());
                notice(name + options.adapter().map(a -> " with " + a).orElse("") + " · /help");
            }
            if (!hasTemplate) {
                notice(
                        noTemplate
                                ? "Without template: each message is a text to be continued, on its own."
                                : "This model has no chat template: each message is a text to be continued, on its own. To talk to it, "
                                        + TemplateOptions.ADVICE + "; --no-template says that this is meant.");
            }
        }

        /// Reads one line and does what it asks for.
        ///
        /// @return whether there may be another
        boolean turn() {
            Optional<String> line = input.readLine();
            if (line.isEmpty()) {
                return false;
            }
            String message = line.get();
            switch (message.strip().toLowerCase(Locale.ROOT)) {
                case "" -> {}
                case "/exit", "/quit" -> {
                    return false;
                }
                case "/help" -> notice(HELP);
                case "/reset" -> {
                    conversation.reset();
                    notice("A new conversation.");
                }
                default -> answer(message);
            }
            return true;
        }

        private void answer(String message) {
            if (message.strip().matches("/\\p{Alpha}+")) {
                fail("\"%s\" is no command; there are /reset, /exit and /help".formatted(message.strip()));
                return;
            }
            Conversation.Prompt prompt;
            try {
                prompt = conversation.prompt(message);
            } catch (IllegalArgumentException e) {
                fail(e.getMessage());
                return;
            }
            if (prompt.forgotten() > 0) {
                notice("The context is full: the oldest %s forgotten."
                        .formatted(prompt.forgotten() == 1 ? "exchange is" : prompt.forgotten() + " exchanges are"));
            }
            conversation.add(message, write(prompt.ids()), prompt.forgotten());
        }

        /// In a pipe nobody is there to try again.
        private void fail(String sentence) {
            if (!input.isInteractive()) {
                throw new IllegalArgumentException(sentence);
            }
            notice(style.yellow(sentence));
        }

        /// Writes an answer as it comes.
        private String write(int[] prompt) {
            StringBuilder text = new StringBuilder();
            GenerationSettings own =
                    settings.withSeed(settings.seed() + answers++); // or a repeated question repeats its answer
            String remark = "";
            input.listenForStop();
            try {
                Completion completion = generator.generate(prompt, own, piece -> {
                    text.append(piece);
                    out.print(input.isInteractive() ? TerminalText.safe(piece) : piece);
                    out.flush();
                    if (input.isStopRequested()) {
                        throw new Stopped();
                    }
                });
                remark = completion.stopped()
                        ? ""
                        : "(the answer was cut after %d tokens)".formatted(completion.ids().length);
            } catch (Stopped byUser) {
                remark = "(stopped)";
            }
            out.println();
            out.flush();
            if (!remark.isEmpty()) {
                notice(remark);
            }
            return text.toString();
        }

        /// What is not said by the model.
        private void notice(String text) {
            err.println(style.dim(text));
            err.flush();
        }
    }

    /// The user wants no more of an answer.
    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1;

        Stopped() {
            super(null, null, false, false);
        }
    }
}
