using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>A secret in a file, as an orchestrator mounts it.</summary>
public sealed class SecretFilesTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("notifier-secrets-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_connection_string_from_a_file_is_used_without_its_line_end_and_is_never_printed()
    {
        const string password = "s3cret-of-the-file";
        await using var redis = await RedisServer.CreateAsync("--requirepass", password);
        await redis.StartHostAsync(password);
        var path = Write($"{redis.Configuration},password={password}\r\n\n");
        await using var program = NotifierProcess.Start(
            "Production", $"Redis:ConfigurationFile={path}", "Logging:LogLevel:Default=Trace", "Logging:LogLevel:Microsoft=Trace");
        await program.PrintsAsync("Connected to Redis");
        await program.PrintsAsync("Redis: see Redis:Configuration");     // the two may be printed in either order

        program.Output.Should().Contain("Connected to Redis").And.Contain("Redis: see Redis:Configuration").And.NotContain(password);
    }

    [Theory]
    [InlineData("/nowhere/redis", "does not exist.")]
    [InlineData("/etc/passwd/redis", "does not exist.")]
    [InlineData("/proc/self/mem", "cannot be read (Input/output error")]    // also by root, whom no permission stops
    [InlineData("/tmp", "is a directory.")]
    [InlineData("/dev/null", "is empty.")]
    [InlineData("/dev/zero", "has more than 65536 bytes, too many for a secret.")]
    public async Task An_unusable_secret_file_stops_the_start_with_a_message_that_names_key_and_path(string path, string what)
    {
        var message = await StartupRefusalTests.RefusedAsync("Production", $"Redis:ConfigurationFile={path}");

        message.Should().StartWith($"Redis:ConfigurationFile is {path}, which {what}");
    }

    [Theory]
    [InlineData(" \n\t\n", "is empty.")]
    [InlineData("\u00ff\u00fe\u00e9", "is not text in UTF-8.")]
    public async Task A_secret_file_that_is_empty_or_not_utf8_stops_the_start(string latin1, string what)
    {
        var path = Write(latin1);

        var message = await StartupRefusalTests.RefusedAsync("Production", $"Redis:ConfigurationFile={path}");

        message.Should().Be($"Redis:ConfigurationFile is {path}, which {what}");
    }

    [Fact]
    public async Task A_secret_file_of_64_kib_is_read_and_a_larger_one_is_rejected()
    {
        var largest = Write(new string('x', 64 * 1024));
        var larger = Write(new string('x', 64 * 1024 + 1));

        (await StartupRefusalTests.RefusedAsync("Production", $"Redis:ConfigurationFile={largest}", "Redis:EmbeddedPort=0"))
            .Should().Contain("Redis:EmbeddedPort is 0").And.NotContain("xxx");
        (await StartupRefusalTests.RefusedAsync("Production", $"Redis:ConfigurationFile={larger}"))
            .Should().Contain($"Redis:ConfigurationFile is {larger}, which has more than 65536 bytes").And.NotContain("xxx");
    }

    [Fact]
    public async Task A_value_and_a_file_for_the_same_key_stop_the_start_and_neither_secret_is_shown()
    {
        var path = Write("127.0.0.1:1,password=in-the-file");

        var message = await StartupRefusalTests.RefusedAsync(
            "Production", "Redis:Configuration=127.0.0.1:1,password=in-the-value", $"Redis:ConfigurationFile={path}");

        message.Should().Be("Redis:Configuration and Redis:ConfigurationFile are both set. "
            + "Remove Redis:Configuration to use the file, or Redis:ConfigurationFile to use the value.");
    }

    private string Write(string content)
    {
        var path = Path.Combine(folder.FullName, Path.GetRandomFileName());
        File.WriteAllText(path, content, Encoding.Latin1);
        return path;
    }
}
