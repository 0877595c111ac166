package dev.graft.cli;

import dev.graft.data.Example;
import dev.graft.data.ExampleReader;
import dev.graft.data.ExampleTokenizer;
import dev.graft.data.Input;
import dev.graft.data.Row;
import dev.graft.data.Tokenization;
import dev.graft.data.TokenizationOptions;
import dev.graft.data.shape.RowShape.Kind;
import dev.graft.eval.TokenView;
import dev.graft.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `graft data tokens`: rows as the model sees them, each token with whether it is learnt.
@Command(
        name = "tokens",
        mixinStandardHelpOptions = true,
        header = "Shows rows token by token, and which tokens are learnt.",
        description = {
            "%nShows exactly what training would see: rendered by the chat template, tokenised, cut as --overlong says. On a"
                    + " terminal what is learnt is green and underlined; elsewhere, and with @|bold --plain|@, it stands"
                    + " between marks that the first line explains.%n"
        },
        footerHeading = "%n@|bold Examples|@%n",
        footer = {
            "  graft data tokens rows.jsonl --model models/base --limit 2",
            "  graft data tokens recipe.yaml --rows 5,9 --ids"
        })
final class DataTokensCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private RowOptions options;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "3",
            description = "Rows shown of each input, and examples of each row (default: ${DEFAULT-VALUE}).")
    private int limit;

    @Option(
            names = "--rows",
            split = ",",
            paramLabel = "N",
            description = "Show these rows, by their numbers in the file, instead of the first.")
    private TreeSet<Integer> numbers = new TreeSet<>();

    @Option(names = "--plain", description = "Marks instead of colours, on a terminal too.")
    private boolean plain;

    @Option(names = "--ids", description = "One token a line, with its id.")
    private boolean ids;

    private boolean unusable;

    @Override
    public Integer call() {
        if (limit < 1) {
            throw new IllegalArgumentException("--limit is %d; it counts from 1".formatted(limit));
        }
        RowSettings settings = options.settings(Optional.empty(), List.of());
        boolean colours = !plain && Console.stdout().isColoured();
        var printed =
                new TokenText(spec.commandLine().getOut(), Console.stdout().style(), colours);
        try (Tokenizer tokenizer = Tokenizer.load(settings.model(), settings.template())) {
            var examples = new ExampleTokenizer(tokenizer, settings.options().withDropMasked(false));
            printed.legend();
            for (Input input : settings.train()) {
                show(input, examples, printed);
            }
        }
        return unusable ? Faults.FAILED : 0;
    }

    private void show(Input input, ExampleTokenizer examples, TokenText printed) {
        TreeSet<Integer> left = new TreeSet<>(numbers);
        int shown = 0;
        try (var reader = new ExampleReader(input, Kind.COMPLETION)) {
            while ((numbers.isEmpty() ? shown < limit : !left.isEmpty()) && reader.hasNext()) {
                Row row = reader.next();
                if (numbers.isEmpty() || left.remove(row.number())) {
                    shown++;
                    show(row, reader.shape(), examples, printed);
                }
            }
        }
        if (!left.isEmpty()) {
            throw new IllegalArgumentException("%s has no row %s"
                    .formatted(
                            input.path(),
                            String.join(", ", left.stream().map(String::valueOf).toList())));
        }
    }

    private void show(Row row, String shape, ExampleTokenizer examples, TokenText printed) {
        String title = "%s, %s".formatted(row.where(), shape);
        TokenizationOptions settings = examples.options();
        Tokenization made;
        try {
            if (row.example() instanceof Example.Text(String _, boolean windowed) && windowed) {
                show(title, examples.apply(List.of(row)), examples, printed);
                return;
            }
            // without a limit first: whether a row is left out can be told from its length
            made = new ExampleTokenizer(examples.tokenizer(), settings.withMaxLength(Integer.MAX_VALUE))
                    .apply(List.of(row));
            if (made.tokens() > settings.maxLength()) {
                String tooLong =
                        "%,d tokens, longer than max_length = %d".formatted(made.tokens(), settings.maxLength());
                switch (settings.overlong()) {
                    case DROP -> {
                        printed.remark(title, "is left out: " + tooLong);
                        return;
                    }
                    case ERROR -> throw new IllegalArgumentException(tooLong);
                    default -> made = examples.apply(List.of(row));
                }
            }
        } catch (IllegalArgumentException e) {
            unusable = true;
            printed.fault(title, reason(e));
            return;
        }
        show(title, made, examples, printed);
    }

    private void show(String title, Tokenization made, ExampleTokenizer examples, TokenText printed) {
        int count = made.examples().size();
        String changes = made.changes().stream()
                .map(change -> ", of %,d tokens: %s".formatted(change.tokens(), change.reason()))
                .collect(Collectors.joining());
        for (int i = 0; i < Math.min(count, limit); i++) {
            String part = count == 1 ? "" : ", example %d of %d".formatted(i + 1, count);
            TokenView view =
                    TokenView.of(title + changes + part, made.examples().get(i), examples.tokenizer());
            if (ids) {
                printed.table(view);
            } else {
                printed.text(view);
            }
        }
        if (count > limit) {
            printed.remark(title, "has %,d more examples; --limit shows them".formatted(count - limit));
        }
    }

    /// Of a fault of rows, what it says of the only one.
    static String reason(IllegalArgumentException e) {
        return e.getMessage()
                .lines()
                .filter(line -> line.matches(" +row \\d+: .*"))
                .findFirst()
                .map(line -> line.replaceFirst(" +row \\d+: ", ""))
                .orElse(e.getMessage());
    }
}
