using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>The health endpoints that an orchestrator and a load balancer call.</summary>
[Collection(RunsAlone.Name)]
public sealed class HealthTests : IDisposable
{
    private readonly HttpClient http = new();

    [Fact]
    public async Task A_node_is_ready_only_while_redis_answers_and_is_always_alive()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await Eventually.IsAsync(async () => await GetAsync(app, "ready") == (200, "Healthy\n"), "the node is ready");
        (await GetAsync(app, "live")).Should().Be((200, "Healthy\n"));

        await redis.KillAsync();
        await Eventually.IsAsync(async () => await GetAsync(app, "ready") == (503, "Unhealthy: Redis does not answer\n"), "the node is not ready");
        (await GetAsync(app, "live")).Should().Be((200, "Healthy\n"), "a restart of the process would not help");

        await redis.StartHostAsync();
        await Eventually.IsAsync(async () => await GetAsync(app, "ready") == (200, "Healthy\n"), "the node is ready again");
        app.Log.Lines.Should().NotContain(line => line.Text.Contains("Health check", StringComparison.Ordinal), "each health check would otherwise be logged");
    }

    [Fact]
    public async Task A_wrong_redis_password_is_logged_once_and_makes_the_node_unready()
    {
        await using var redis = await RedisServer.CreateAsync("--requirepass", "opensesame");
        await redis.StartHostAsync("opensesame");
        await using var app = await NotifierApp.StartAsync($"{redis.Configuration},password=wrong");

        await Eventually.IsAsync(() => app.Log.Says("Redis authentication failed"), "Notifier logs it");
        (await GetAsync(app, "ready")).Should().Be((503, "Unhealthy: Redis answers with an error (the log says which)\n"));
        await redis.Server.ExecuteAsync("CONFIG", "SET", "requirepass", "wrong");
        await Eventually.IsAsync(async () => (await GetAsync(app, "ready")).Status == 200, "Notifier connects after the password is corrected");

        app.Log.Lines.Count(line => line.Text.Contains("Redis authentication failed", StringComparison.Ordinal)).Should().Be(1);
    }

    [Fact]
    public async Task A_node_that_uses_too_much_memory_rejects_new_connections_and_serves_the_existing_ones()
    {
        const int Piece = 64 * 1024 * 1024;
        await using var redis = await RedisServer.StartAsync();
        var limit = Environment.WorkingSet + Piece;
        var share = limit / (double)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        await using var app = await NotifierApp.StartAsync(
            redis.Configuration, settings: FormattableString.Invariant($"Limits:MemoryShare={Math.Max(share, 0.001):0.0000}"));
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "memory");

        var taken = new List<byte[]>();
        string? refusal = null;
        await Eventually.IsAsync(
            async () =>
            {
                // Other tests may have freed memory meanwhile.
                if (Environment.WorkingSet <= limit + Piece)
                {
                    var piece = GC.AllocateUninitializedArray<byte>(Piece);
                    Array.Fill(piece, (byte)1);     // the operating system counts memory only after its first use
                    taken.Add(piece);
                }
                refusal = await RefusalAsync(app);
                return refusal is not null;
            },
            "Notifier rejects new clients", TimeSpan.FromSeconds(60));

        refusal.Should().Contain("503");
        app.Log.Says("Limits:MemoryShare").Should().BeTrue();
        await redis.PublishAsync("memory", "hello");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("hello");
        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        GC.KeepAlive(taken);
    }

    public void Dispose() => http.Dispose();

    /// <returns>The rejection, or null if Notifier accepts the connection.</returns>
    private static async Task<string?> RefusalAsync(NotifierApp app)
    {
        try
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
            return null;
        }
        catch (InvalidOperationException error)
        {
            return error.Message;
        }
    }

    private async Task<(int Status, string Text)> GetAsync(NotifierApp app, string which)
    {
        using var answer = await http.GetAsync(new Uri(app.Address, $"/healthz/{which}"));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}
