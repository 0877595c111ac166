package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenCacheTest {
    @TempDir
    Path folder;

    @Test
    void whatWasNotUsedForLongestGoesUntilTheRestFits() throws IOException {
        Path old = file("old.tokens", 100, 3);
        Path older = file("older.tokens", 100, 4);
        Path latest = file("latest.tokens", 100, 9);
        Path notOurs = file("notes.txt", 1000, 9);
        var cache = new TokenCache(folder, 250);
        cache.keepWithinBound(latest);
        assertThat(older).doesNotExist();
        assertThat(old).exists();
        assertThat(latest).exists();
        assertThat(notOurs).exists();

        Path more = file("more.tokens", 100, 0);
        cache.used(old);
        cache.keepWithinBound(more);
        assertThat(latest).doesNotExist();
        assertThat(old).exists();
    }

    @Test
    void theLatestStaysHoweverLargeItIs() throws IOException {
        Path latest = file("latest.tokens", 1000, 0);
        new TokenCache(folder, 0).keepWithinBound(latest);
        assertThat(latest).exists();
    }

    @Test
    void leftoversOfRunsThatEndedEarlyGoAfterADay() throws IOException {
        Path left = file("a.tokens.1.tmp", 10, 2);
        Path writing = file("b.tokens.2.tmp", 10, 0);
        new TokenCache(folder, 1000).keepWithinBound(folder.resolve("c.tokens"));
        assertThat(left).doesNotExist();
        assertThat(writing).exists();
    }

    @Test
    void theBoundIsANumberOfGigabytes() {
        assertThat(TokenCache.mostBytes(null)).isEqualTo(20_000_000_000L);
        assertThat(TokenCache.mostBytes("0.5")).isEqualTo(500_000_000);
        assertThatThrownBy(() -> TokenCache.mostBytes("20GB"))
                .hasMessage("GRAFT_CACHE_GB is \"20GB\"; expected a number of gigabytes such as 20");
    }

    private Path file(String name, int bytes, int daysAgo) throws IOException {
        Path file = Files.write(folder.resolve(name), new byte[bytes]);
        return Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofDays(daysAgo))));
    }
}
