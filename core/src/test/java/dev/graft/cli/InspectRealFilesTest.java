package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `graft inspect` on published files.
class InspectRealFilesTest {
    @TempDir
    Path folder;

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "models/stories260k/hf | Model | llama; 5 layers, width 64, 8 heads, 4 of keys and values; 512 tokens",
                "models/stories260k/hf/model.safetensors | Safetensors | 260,032 in 47 tensors; model.layers.{0…4}; F32 [512, 64]",
                "models/stories260k/gguf/stories260K.gguf | GGUF | llama.block_count; blk.{0…4}.attn_q.weight",
                "models/stories260k/raw/stories260K.bin | Checkpoint of llama2.c | n_layers; 260,032 in 47 tensors",
                "models/stories260k/hf/tokenizer.json | Tokenizer | BPE; 512 tokens; <s> 1",
                "tokenizers/gpt2 | Tokenizer | BPE; 50,257 tokens; ByteLevel; <|endoftext|> 50256",
                "tokenizers/gpt2/tokenizer.json | Tokenizer | BPE; 50,257 tokens; 50,000",
                "tokenizers/gpt-neox-20b/tokenizer.json | Tokenizer | BPE; NFC; ByteLevel; <|padding|> 1",
                "tokenizers/bert-base-cased | Tokenizer | WordPiece; 28,996 tokens; BertNormalizer; [CLS] 101",
                "tokenizers/bert-base-uncased | Tokenizer | WordPiece; 30,522 tokens; [SEP] 102",
                "tokenizers/bert-base-uncased/vocab.txt | Tokenizer | WordPiece; 30,522 tokens",
                "tokenizers/open-llama-3b | Tokenizer | BPE; 32,000 tokens; <s> 1",
                "tokenizers/open-llama-3b/tokenizer.model | Tokenizer | BPE; 32,000 tokens; </s> 2",
                "tokenizers/sentencepiece-unigram/test_model.model | Tokenizer | Unigram; 1,000 tokens; <unk>",
            })
    void describesWhatItIs(String path, String kind, String facts) {
        Path file = SharedData.file(path);
        Ran ran = Ran.graft("inspect", file);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out()).startsWith(kind + "  " + file).contains(facts.split("; "));
        Ran json = Ran.graft("inspect", file, "--json");
        assertThat(json.json().path("kind").asText()).isEqualToIgnoringCase(kind);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "adapters/roberta-base-lora-mnli/roberta_base_lora_mnli.bin | pickle; whatever code; torch.load(\"roberta_base_lora_mnli.bin\"; roberta_base_lora_mnli.safetensors",
                "models/stories260k/raw/tok512.bin | vocabulary of a llama2.c checkpoint",
                "text/the-verdict.txt | graft inspect describes",
                "tokenizers | graft inspect describes",
            })
    void refusesWithASentence(String path, String words) {
        Path file = SharedData.file(path);
        Ran ran = Ran.graft("inspect", file);
        assertThat(ran.exitCode()).isEqualTo(Faults.FAILED);
        assertThat(ran.err())
                .startsWith("error: " + file)
                .contains(words.split("; "))
                .doesNotContain("\tat ", "bug");
    }

    @Test
    void aPickleIsRecognisedWhereverItStands() throws IOException {
        Path real = SharedData.file("adapters/roberta-base-lora-mnli/roberta_base_lora_mnli.bin");
        Path model = Files.createDirectory(folder.resolve("model"));
        Files.copy(TinyModel.in(folder).resolve("config.json"), model.resolve("config.json"));
        Files.copy(real, model.resolve("pytorch_model.bin"));
        Path adapter = Files.createDirectory(folder.resolve("adapter"));
        Files.writeString(
                adapter.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"r\": 8, \"target_modules\": [\"q_proj\"]}");
        Files.copy(real, adapter.resolve("adapter_model.bin"));
        Path tiny = folder.resolve("tiny-model");
        for (Ran ran : new Ran[] {
            Ran.graft("inspect", model),
            Ran.graft("generate", model, "--prompt", "a"),
            Ran.graft("inspect", adapter),
            Ran.graft("generate", tiny, "--adapter", adapter, "--prompt", "a"),
            Ran.graft("merge", tiny, adapter, "--output", folder.resolve("merged")),
            Ran.graft("export", adapter, "--base", tiny, "--output", folder.resolve("a.gguf")),
            Ran.graft("generate", real, "--prompt", "a"),
        }) {
            assertThat(ran.exitCode()).as(ran.err()).isEqualTo(Faults.FAILED);
            assertThat(ran.err())
                    .contains("pickle", "whatever code", "weights_only=True")
                    .doesNotContain("\tat ");
        }
        assertThat(Ran.graft("inspect", adapter).err())
                .contains("torch.load(\"adapter_model.bin\"", "\"adapter_model.safetensors\"");
    }
}
