import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.tokenizer.BpeTrainer;
import java.util.random.RandomGenerator;

// Makes the data of the quickstart from shop.grammar, the same bytes every time:
//
//     java -cp "core/target/graft.jar:core/target/lib/*" examples/quickstart/MakeQuickstart.java examples/quickstart
//
//   corpus.jsonl             {"text"}: what the base model is trained on from random weights, see pretrain.yaml
//   base/config.json …       its shape and its tokenizer; the weights come from `graft train pretrain.yaml`
//   train.jsonl, eval.jsonl  {"prompt","completion"}: the fine-tuning task, see recipe.yaml

static final int DOCUMENTS = 100_000;
static final int TRAIN_ROWS = 1_200;
static final int EVAL_ROWS = 200;

static final int VOCAB_SIZE = 1536;
static final String END = "<|endoftext|>";

static final String CHAT_TEMPLATE =
        """
        {{- bos_token }}
        {%- for message in messages %}
            {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\\n' }}
        {%- endif %}
        """;

static final String CONFIG =
        """
        {
          "architectures": ["LlamaForCausalLM"],
          "model_type": "llama",
          "vocab_size": %d,
          "hidden_size": 128,
          "intermediate_size": 384,
          "num_hidden_layers": 4,
          "num_attention_heads": 4,
          "num_key_value_heads": 2,
          "head_dim": 32,
          "hidden_act": "silu",
          "max_position_embeddings": 512,
          "rms_norm_eps": 1e-05,
          "rope_theta": 10000.0,
          "attention_bias": false,
          "mlp_bias": false,
          "initializer_range": 0.06,
          "tie_word_embeddings": true,
          "bos_token_id": 0,
          "eos_token_id": 0,
          "torch_dtype": "bfloat16"
        }
        """;

/// Ends a text, and ends a turn of a chat.
static final String GENERATION_CONFIG =
        """
        {
          "bos_token_id": 0,
          "eos_token_id": [0, 2]
        }
        """;

static final ObjectMapper JSON = new ObjectMapper();

void main(String[] args) throws IOException {
    if (args.length < 1 || args.length > 2) {
        System.err.println("usage: MakeQuickstart.java FOLDER_OF_SHOP_GRAMMAR [OUTPUT_FOLDER, by default the same]");
        System.exit(2);
    }
    var grammar = new Grammar(Path.of(args[0], "shop.grammar"));
    var directory = Files.createDirectories(Path.of(args[args.length - 1]));

    var random = new Random(1);
    List<String> documents =
            Stream.generate(() -> document(grammar, random)).limit(DOCUMENTS).toList();
    writeRows(directory.resolve("corpus.jsonl"), documents.stream().map(text -> row("text", text)).toList());
    makeBase(directory.resolve("base"), documents);

    writeRows(directory.resolve("train.jsonl"), rows(grammar, false, TRAIN_ROWS, new Random(2)));
    writeRows(directory.resolve("eval.jsonl"), rows(grammar, true, EVAL_ROWS, new Random(3)));
}

/// One piece, or now and then two that have nothing to do with each other, an empty line between them.
/// Mostly one: where a text names a single colour, a model soon finds that an answer's colour stands
/// earlier in the text, and learns to look.
String document(Grammar grammar, RandomGenerator random) {
    return Stream.generate(() -> grammar.write("piece", Map.of(), random).strip())
            .limit(random.nextInt(5) == 0 ? 2 : 1)
            .collect(Collectors.joining("\n\n"));
}

void makeBase(Path directory, List<String> documents) throws IOException {
    List<String> specialTokens = List.of(END, "<|im_start|>", "<|im_end|>");
    var vocabulary = new BpeTrainer(VOCAB_SIZE, specialTokens, BpeTrainer.GPT2).train(documents);
    vocabulary.save(directory, CHAT_TEMPLATE.strip());
    Files.writeString(directory.resolve("config.json"), CONFIG.formatted(vocabulary.tokens().size()));
    Files.writeString(directory.resolve("generation_config.json"), GENERATION_CONFIG);
}

/// What a request asks for.
record Order(String action, String item, String colour, String count, String city, String day) {
    static Order random(Grammar grammar, RandomGenerator random) {
        Function<String, String> any = rule -> grammar.write(rule, Map.of(), random);
        String action = List.of("ship", "collect", "reserve").get(random.nextInt(3));
        return new Order(action, any.apply("item"), any.apply("colour"), any.apply("number"), any.apply("city"), any.apply("day"));
    }

    /// The request in words: one of the phrases that the grammar has for the action.
    String request(Grammar grammar, RandomGenerator random) {
        var bound = Map.of("item", item, "colour", colour, "count", count, "city", city, "day", day);
        String words = grammar.write(action, bound, random);
        return words.substring(0, 1).toUpperCase() + words.substring(1); // "Three lamps …", should a phrase begin so
    }

    /// The answer the model has to learn: always these options, in this order.
    String command(Grammar grammar) {
        return "%s --item %s --colour %s --count %s --city %s --day %s"
                .formatted(action, grammar.write("plural", Map.of("item", item), new Random(0)), colour, count, city, day);
    }

    /// One item in six is kept out of training for each city, so no row of eval.jsonl has an item and a
    /// city that train.jsonl has together.
    boolean isHeldOut(Grammar grammar) {
        return (grammar.alternatives("item").indexOf(item) + grammar.alternatives("city").indexOf(city)) % 6 == 0;
    }
}

List<Map<String, String>> rows(Grammar grammar, boolean heldOut, int count, RandomGenerator random) {
    return Stream.generate(() -> Order.random(grammar, random))
            .filter(order -> order.isHeldOut(grammar) == heldOut)
            .distinct()
            .limit(count)
            .map(order -> row("prompt", order.request(grammar, random), "completion", "\n" + order.command(grammar)))
            .toList();
}

Map<String, String> row(String... keysAndValues) {
    var row = new LinkedHashMap<String, String>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
        row.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return row;
}

void writeRows(Path file, List<Map<String, String>> rows) throws IOException {
    try (var out = Files.newBufferedWriter(file)) {
        for (var row : rows) {
            out.append(JSON.writeValueAsString(row)).append('\n');
        }
    }
    IO.println("%s: %,d rows".formatted(file, rows.size()));
}
