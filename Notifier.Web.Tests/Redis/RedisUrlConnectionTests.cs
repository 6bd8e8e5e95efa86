using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Notifier connects to real servers by a URL, with both connections and both ways to read.</summary>
public sealed class RedisUrlConnectionTests
{
    private const string Password = "p@ss:w/r?d#%,= +é";

    /// <summary>One that a configuration file of Redis can contain without quotation marks.</summary>
    private const string BarePassword = "p@ss:w/r?d%,=+é";

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_user_and_a_password_with_special_characters_log_in(string transport)
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.Server.ExecuteAsync("ACL", "SETUSER", "us:er,x=1", "on", $">{Password}", "allchannels", "allkeys", "+@all");
        var url = $"redis://{Uri.EscapeDataString("us:er,x=1")}:{Uri.EscapeDataString(Password)}@{redis.Configuration}/0";
        await using var app = await NotifierApp.StartAsync(url, settings: $"Redis:Transport={transport}");

        await app.ShouldDeliverAsync();
        var users = (await redis.Server.ClientListAsync()).Where(static client => client.Name == "notifier").Select(static client => client.Raw!);
        users.Should().HaveCountGreaterThan(1).And.OnlyContain(static client => client.Contains("user=us:er,x=1", StringComparison.Ordinal));
        app.Log.Lines.Should().NotContain(line => line.Text.Contains("p@ss", StringComparison.Ordinal) || line.Text.Contains("p%40ss", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_socket_of_unix_delivers(string transport)
    {
        var folder = Directory.CreateTempSubdirectory("notifier socket ");
        var path = Path.Combine(folder.FullName, "redis.sock");
        await using (var redis = new ProcessRedisHost(FreePort.Next(), ["--unixsocket", path, "--requirepass", Password]))
        {
            await redis.StartAsync();
            await using var app = await NotifierApp.StartAsync(
                $"unix://:{Uri.EscapeDataString(Password)}@{Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal)}", settings: $"Redis:Transport={transport}");

            await app.ShouldDeliverAsync();
            app.Log.Lines.Should().Contain(line => line.Text.StartsWith($"Try: redis-cli -s '{path}' --askpass publish ", StringComparison.Ordinal));
        }
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task An_address_of_ip_version_6_delivers(string transport)
    {
        var port = FreePort.Next();
        await using var redis = new ProcessRedisHost(port, ["--bind", "::1"]);
        await redis.StartAsync();
        await using var app = await NotifierApp.StartAsync($"redis://[::1]:{port}", settings: $"Redis:Transport={transport}");

        await app.ShouldDeliverAsync();
    }

    [Fact]
    public async Task The_servers_of_a_cluster_deliver_by_a_url_with_several_hosts()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var app = await NotifierApp.StartAsync($"redis://{cluster.Configuration}");

        await app.ShouldDeliverAsync();
    }

    [Theory]
    [InlineData("?sentinel_master_name=")]
    [InlineData("/")]
    public async Task Sentinels_lead_to_the_primary_by_a_url(string separator)
    {
        await using var sentinels = await Sentinels.StartAsync(password: BarePassword);
        var hosts = sentinels.Configuration.Split(",serviceName=")[0];
        await using var app = await NotifierApp.StartAsync($"redis+sentinel://:{Uri.EscapeDataString(BarePassword)}@{hosts}{separator}{Sentinels.ServiceName}");

        await app.ShouldDeliverAsync();
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task Sentinels_and_servers_that_speak_only_tls_deliver_by_a_url(string transport)
    {
        using var files = new AuthorityFiles();
        var (primary, sentinel) = (FreePort.Next(), FreePort.Next());
        await using var server = new ProcessRedisHost(primary, files.Arguments(primary));
        await server.StartAsync();
        var configuration = Path.Combine(Path.GetDirectoryName(files.Authority)!, "sentinel.conf");
        await File.WriteAllTextAsync(
            configuration,
            $"port 0\ntls-port {sentinel}\ntls-cert-file {files.Server}\ntls-key-file {files.ServerKey}\ntls-ca-cert-file {files.Authority}\n"
            + $"tls-auth-clients no\ntls-replication yes\nlogfile {configuration}.log\nsentinel resolve-hostnames yes\n"
            + $"sentinel announce-hostnames yes\nsentinel monitor main localhost {primary} 1\n");
        using var watching = Process.Start("redis-server", [configuration, "--sentinel"]);
        await using var app = await NotifierApp.StartAsync(
            $"rediss+sentinel://localhost:{sentinel}?sentinel_master_name=main", settings: [$"Redis:Transport={transport}", $"Redis:CaFile={files.Authority}"]);
        try
        {
            await app.ShouldDeliverAsync();
        }
        finally
        {
            watching.Kill();
            await watching.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task Durable_history_is_in_the_database_of_the_url_and_messages_of_all_databases_arrive()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync($"redis://{redis.Configuration}/3", settings: "History:Durable:Channels:0=kept.*");
        await using var client = await RawWebSocket.SubscribeAsync(app, "kept.orders");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("kept.orders") == 1, "the channel is subscribed");
        (await app.PostAsync("/publish/kept.orders", "stored")).Status.Should().Be(200);

        (await client.ReadTextAsync()).Should().Be("stored");
        (await redis.Connection.GetDatabase(3).KeyExistsAsync("{notifier}:journal")).Should().BeTrue();
        (await redis.Connection.GetDatabase(0).KeyExistsAsync("{notifier}:journal")).Should().BeFalse();
        app.Log.Says("Redis:Configuration has database 3: durable history is stored there.").Should().BeTrue();
        await app.ShouldDeliverAsync();
    }

    [Theory]
    [InlineData("/0")]
    [InlineData("")]
    public async Task The_default_database_is_not_worth_a_line_in_the_log(string path)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync($"redis://{redis.Configuration}{path}");

        app.Log.Says("has database").Should().BeFalse();
    }

    [Fact]
    public async Task A_wrong_password_is_reported_with_the_setting_and_is_not_shown()
    {
        await using var redis = await RedisServer.CreateAsync("--requirepass", "s3cret");
        await redis.StartHostAsync("s3cret");
        await using var app = await NotifierApp.StartAsync($"redis://:wr0ng@{redis.Configuration}");

        await Eventually.IsAsync(
            () => app.Log.Says($"Redis authentication failed ({redis.Configuration}): check the user and the password in Redis:Configuration."), "it is logged");
        app.Log.Says("wr0ng").Should().BeFalse();
    }
}
