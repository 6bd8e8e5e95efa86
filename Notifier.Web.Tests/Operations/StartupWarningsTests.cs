using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Operations;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>
/// Notifier reports each common deployment mistake at startup, in one line with the remedy. A good configuration causes no such line.
/// </summary>
public sealed class StartupWarningsTests
{
    private const string Durable = "History:Durable:Channels:0=orders.*";

    [Fact]
    public async Task A_redis_without_persistence_and_with_a_small_buffer_is_reported_with_the_commands_that_fix_it()
    {
        await using var redis = await RedisServer.StartAsync("--save", "", "--client-output-buffer-limit", "pubsub 1000000 500000 60");
        await using var app = await StartAsync(redis, Durable);

        await Eventually.IsAsync(() => app.Log.Says("CONFIG SET client-output-buffer-limit \"pubsub 33554432 8388608 60\""), "Notifier reports the buffer");

        app.Log.Says("CONFIG SET appendonly yes").Should().BeTrue();
        app.Log.Says("when 1000000 bytes wait for it, or 500000 bytes for longer than its soft limit allows").Should().BeTrue();
        await redis.Server.ExecuteAsync("CONFIG", "SET", "appendonly", "yes");
        await redis.Server.ExecuteAsync("CONFIG", "SET", "client-output-buffer-limit", "pubsub 33554432 8388608 60");
        await using var mended = await StartAsync(redis, Durable);
        await SaysNothingOfRedisAsync(mended);
    }

    [Fact]
    public async Task A_default_redis_and_one_that_forbids_config_cause_no_warning()
    {
        await using var redis = await RedisServer.StartAsync("--save", "3600 1");
        await using var app = await StartAsync(redis, Durable);
        await SaysNothingOfRedisAsync(app);
        await redis.Server.ExecuteAsync("ACL", "SETUSER", "reader", "on", ">pass", "~*", "&*", "+@all", "-config");
        await using var restricted = await NotifierApp.StartAsync(
            $"{redis.Configuration},user=reader,password=pass", settings: ["environment=Production", "Logging:LogLevel:Notifier=Debug", Durable]);
        await SaysNothingOfRedisAsync(restricted);
    }

    [Fact]
    public async Task A_larger_payload_limit_causes_a_warning_that_recommends_a_larger_buffer()
    {
        await using var redis = await RedisServer.StartAsync("--save", "3600 1");
        await using var app = await StartAsync(redis, "Limits:PayloadBytes=1048576");

        await Eventually.IsAsync(() => app.Log.Says("\"pubsub 67108864 16777216 60\""), "Notifier recommends a size");
    }

    [Fact]
    public async Task A_file_limit_below_the_connection_limit_is_reported_with_the_required_number()
    {
        await using var redis = await RedisServer.StartAsync();
        var files = OpenFiles.Limit ?? long.MaxValue;
        var connections = (int)Math.Min(files, 10_000_000);
        await using var many = await StartAsync(redis, $"Limits:Connections={connections}");
        await using var few = await StartAsync(redis, "Limits:Connections=10");

        await Eventually.IsAsync(
            () => many.Log.Says($"raise the limit to {connections + OpenFiles.Reserved} (systemd: LimitNOFILE={connections + OpenFiles.Reserved}") == (files < connections + OpenFiles.Reserved),
            "Notifier reports the limit");
        few.Log.Says("LimitNOFILE").Should().BeFalse();
    }

    [Theory]
    [InlineData("Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files     \n", 1024L)]
    [InlineData("Max open files            unlimited            unlimited            files     \n", null)]
    [InlineData("", null)]
    public void The_limit_of_open_files_is_the_soft_limit(string limits, long? files) => OpenFiles.Parse(limits).Should().Be(files);

    [Theory]
    [InlineData(128, int.MaxValue, 100_000, true)]
    [InlineData(4_096, 512, 100_000, true)]
    [InlineData(4_096, int.MaxValue, 100_000, false)]
    [InlineData(128, 512, 100, false)]
    public void The_kernels_queues_of_new_connections_are_compared_with_the_limit_of_connections(int accept, int handshakes, int connections, bool areShort) =>
        new ListenQueues(accept, handshakes).AreShort(connections).Should().Be(areShort);

    [Fact]
    public void The_kernels_queues_are_known_on_linux() => (ListenQueues.Current is { Accept: > 0, Handshakes: > 0 }).Should().Be(OperatingSystem.IsLinux());

    [Fact]
    public async Task The_embedded_redis_causes_a_warning_in_production()
    {
        await using var app = await NotifierApp.StartAsync("", settings: ["environment=Production", "Redis:Embedded=true", $"Redis:EmbeddedPort={FreePort.Next()}"]);

        await Eventually.IsAsync(() => app.Log.Says("The embedded Redis serves this process only"), "Notifier reports the embedded Redis");
    }

    [Fact]
    public async Task An_unknown_proxy_is_reported_once_and_a_known_proxy_is_not_reported()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await StartAsync(redis);
        await using var knowing = await StartAsync(redis, "ForwardedHeaders:KnownProxies:0=127.0.0.1");
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.5");

        foreach (var one in new[] { app, app, knowing })
            await http.GetAsync(new Uri(one.Address, "/healthz/live"));

        app.Log.Lines.Count(static line => line.Text.Contains("ForwardedHeaders:KnownProxies", StringComparison.Ordinal)).Should().Be(1);
        knowing.Log.Says("ForwardedHeaders:KnownProxies").Should().BeFalse();
    }

    [Fact]
    public async Task Warnings_about_redis_are_not_logged_in_development()
    {
        await using var redis = await RedisServer.StartAsync("--save", "", "--client-output-buffer-limit", "pubsub 1000000 500000 60");
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: [Durable]);
        await app.RedisIsAtRestAsync();

        app.Log.Lines.Where(static line => line.Level == LogLevel.Warning).Should().ContainSingle().Which.Text.Should().Contain("this is Development");
    }

    private static Task<NotifierApp> StartAsync(RedisServer redis, params string[] settings) =>
        NotifierApp.StartAsync(redis.Configuration, settings: ["environment=Production", "Logging:LogLevel:Notifier=Debug", .. settings]);

    private static async Task SaysNothingOfRedisAsync(NotifierApp app)
    {
        await Eventually.IsAsync(() => app.Log.Says("The configuration of Redis was checked"), "Notifier has checked the configuration");
        app.Log.Says("CONFIG SET").Should().BeFalse();
    }
}
