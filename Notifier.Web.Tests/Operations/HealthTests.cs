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

    public void Dispose() => http.Dispose();

    private async Task<(int Status, string Text)> GetAsync(NotifierApp app, string which)
    {
        using var answer = await http.GetAsync(new Uri(app.Address, $"/healthz/{which}"));
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}
