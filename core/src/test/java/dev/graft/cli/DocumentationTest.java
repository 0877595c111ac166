package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What the pages tell people to type: every command line is one that Graft takes, every recipe has keys that
/// exist, every link leads somewhere.
class DocumentationTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w*)\n(.*?)^```");
    private static final Pattern LINK = Pattern.compile("\\[[^\\]]+\\]\\(([^)#]+)(#[^)]*)?\\)");
    private static final Pattern TEST = Pattern.compile("`(?:\\w+/)*([A-Z]\\w*Test)`");

    static Stream<Path> pages() throws IOException {
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            return Stream.concat(
                            docs.toList().stream(),
                            Stream.of(ROOT.resolve("README.md"), ROOT.resolve("examples/quickstart/README.md")))
                    .filter(page -> page.toString().endsWith(".md"))
                    .sorted();
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void everyCommandLineParses(Path page) throws IOException {
        blocks(page).filter(block -> !block.group(1).equals("yaml")).forEach(block -> {
            for (List<String> command : CommandLines.in(block.group(2))) {
                assertThatCode(() -> CommandLines.parsed(command))
                        .as("graft " + String.join(" ", command))
                        .doesNotThrowAnyException();
            }
        });
    }

    @ParameterizedTest
    @MethodSource("pages")
    void everyKeyOfARecipeExists(Path page) throws IOException {
        Set<String> known = RecipeKey.ALL.stream().map(RecipeKey::path).collect(Collectors.toSet());
        for (MatchResult block :
                blocks(page).filter(b -> b.group(1).equals("yaml")).toList()) {
            assertThat(known)
                    .as(block.group(2))
                    .containsAll(keys("", new YAMLMapper().readTree(block.group(2)), known));
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void everyLinkLeadsSomewhere(Path page) throws IOException {
        List<String> targets = LINK.matcher(Files.readString(page))
                .results()
                .map(found -> found.group(1))
                .filter(target -> !target.contains("://"))
                .toList();

        assertThat(targets)
                .allSatisfy(target -> assertThat(page.resolveSibling(target)).exists());
    }

    @ParameterizedTest
    @MethodSource("pages")
    void everyTestThatIsNamedExists(Path page) throws IOException {
        Set<String> tests;
        try (Stream<Path> files = Files.walk(ROOT.resolve("core/src/test/java"))) {
            tests = files.map(file -> file.getFileName().toString().replace(".java", ""))
                    .collect(Collectors.toSet());
        }

        assertThat(TEST.matcher(Files.readString(page)).results().map(found -> found.group(1)))
                .isSubsetOf(tests);
    }

    private static List<String> keys(String prefix, JsonNode node, Set<String> known) {
        return node.properties().stream()
                .flatMap(field -> {
                    String path = prefix + field.getKey();
                    boolean isSection = field.getValue().isObject() && !known.contains(path);
                    return isSection ? keys(path + ".", field.getValue(), known).stream() : Stream.of(path);
                })
                .toList();
    }

    private static Stream<MatchResult> blocks(Path page) throws IOException {
        return BLOCK.matcher(Files.readString(page)).results();
    }
}
