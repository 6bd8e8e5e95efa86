using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>If Redis cannot be used, the log names the server and the cause, so that an operator need not guess which of a dozen it is.</summary>
public sealed class RedisFailureTests
{
    [Fact]
    public async Task A_refused_connection_is_logged_with_host_and_port_and_so_is_a_lost_one()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await LogsAsync(app, $"({redis.Configuration}: the connection was refused)");

        await redis.StartHostAsync();
        await Eventually.IsAsync(() => app.Log.Says("Redis is back"), "Notifier is connected");
        await redis.KillAsync();

        // Closed, or refused if the library has already tried to reconnect.
        await Eventually.IsAsync(() => CountOf(app, $"({redis.Configuration}: the connection was ") == 2, "the second outage is logged with its cause");
        CountOf(app, "Redis does not answer").Should().Be(2);
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task An_unknown_host_name_is_logged(string transport)
    {
        await using var app = await NotifierApp.StartAsync("redis.invalid:6390", settings: $"Redis:Transport={transport}");

        await LogsAsync(app, "(redis.invalid:6390: the host name is unknown)");
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_missing_or_superfluous_ssl_option_is_logged_as_such(string transport)
    {
        await using var plain = await RedisServer.StartAsync();
        await using var encrypted = await TlsRedis.StartAsync();
        await using var toPlain = await NotifierApp.StartAsync($"{plain.Configuration},ssl=true", settings: $"Redis:Transport={transport}");
        await using var toEncrypted = await NotifierApp.StartAsync($"localhost:{encrypted.Port}", settings: $"Redis:Transport={transport}");

        await LogsAsync(toPlain, $"({plain.Configuration}: TLS failed; perhaps the server does not speak TLS (redis://, or ssl=false))");
        await LogsAsync(toEncrypted, $"(localhost:{encrypted.Port}: the server closed the connection before it answered; perhaps it expects TLS (rediss://, or ssl=true))");
        toPlain.Log.Says("Redis authentication failed").Should().BeFalse("Redis has not seen a password");
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_certificate_that_is_not_trusted_is_logged_with_the_reason(string transport)
    {
        await using var redis = await TlsRedis.StartAsync();
        await using var app = await NotifierApp.StartAsync($"localhost:{redis.Port},ssl=true", settings: $"Redis:Transport={transport}");

        await LogsAsync(app, $"(localhost:{redis.Port}: its certificate is not accepted (");
        app.Log.Says("Redis authentication failed").Should().BeFalse("Redis has not seen a password");
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_missing_client_certificate_is_logged(string transport)
    {
        await using var redis = await TlsRedis.StartAsync("--tls-auth-clients", "yes");
        await using var server = await ServerProcess.StartAsync(
            $"localhost:{redis.Port},ssl=true", Listen.Plain, new Dictionary<string, string> { ["SSL_CERT_FILE"] = redis.Authority }, $"Redis:Transport={transport}");

        await Eventually.IsAsync(
            () => server.Output.Contains($"(localhost:{redis.Port}: it requires a client certificate: set Redis:ClientCertificateFile and Redis:ClientKeyFile)", StringComparison.Ordinal), "the log has the cause");
    }

    [Theory]
    [InlineData(",password=wr0ng")]
    [InlineData("")]
    public async Task A_wrong_or_missing_password_is_logged_with_the_server_and_not_shown(string option)
    {
        await using var redis = await RedisServer.CreateAsync("--requirepass", "s3cret");
        await redis.StartHostAsync("s3cret");
        await using var app = await NotifierApp.StartAsync(redis.Configuration + option);

        await LogsAsync(app, $"Redis authentication failed ({redis.Configuration})");
        app.Log.Says("wr0ng").Should().BeFalse();
    }

    /// <summary>The library takes what follows the comma for another host.</summary>
    [Fact]
    public async Task A_part_of_a_password_behind_a_comma_is_not_logged_as_a_host()
    {
        await using var app = await NotifierApp.StartAsync("127.0.0.1:1,password=first,s3cret");

        await LogsAsync(app, "if the password contains a comma, write a URL");
        app.Log.Says("s3cret").Should().BeFalse();
    }

    private static int CountOf(NotifierApp app, string text) => app.Log.Lines.Count(line => line.Text.Contains(text, StringComparison.Ordinal));

    private static Task LogsAsync(NotifierApp app, string text) => Eventually.IsAsync(() => app.Log.Says(text), $"the log has: {text}");
}
