using System.Diagnostics;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>How many commands a second a client may send.</summary>
public sealed class CommandRateTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_client_that_sends_commands_too_fast_is_closed_with_the_allowed_rate(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, listen, settings: ["Limits:CommandsPerSecond=1", "Limits:CommandBurst=5"]);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=rate.address"));
        for (var n = 0; n < 5; n++)
            await client.SendTextAsync($"rate.{n}");
        await Eventually.IsAsync(() => app.Hub.NameCount == 6, "the burst is accepted, and a name in the address is not a command");
        var watch = Stopwatch.StartNew();

        for (var n = 0; n < 100; n++)
            await client.SendTextAsync($"rate.more.{n}");

        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4529, "too many commands: 1 a second are allowed"));
        // The bucket gets a token each second, so on a slow machine Notifier may have accepted some of them.
        (app.Hub.NameCount - 6).Should().BeLessThanOrEqualTo((int)watch.Elapsed.TotalSeconds + 2);
    }

    [Fact]
    public async Task A_client_that_stays_below_the_command_rate_is_not_closed()
    {
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: ["Limits:CommandsPerSecond=100", "Limits:CommandBurst=1"]);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        // Real time is the point: TokenBucketRateLimiter has no TimeProvider. A PeriodicTimer would send two names in a row after a late tick.
        var pace = TimeSpan.FromMilliseconds(40);

        for (var n = 0; n < 20; n++)
        {
            await client.SendTextAsync($"pace.{n}");
            await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel($"pace.{n}")) == 1, "the client is subscribed");
            await RealTime.PassesAsync(pace);
        }

        (await client.DrainAsync()).Should().BeEmpty("it is still open");
    }
}
