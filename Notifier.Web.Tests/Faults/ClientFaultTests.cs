using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>On Redis, which can hang.</summary>
public sealed class ClientFaultTests(ITestOutputHelper output) : ClientFaults(output, isEmbedded: false)
{
    /// <summary>Redis hangs, so each client disconnects before Redis confirms its subscribe.</summary>
    [Theory]
    [InlineData("subscribed")]
    [InlineData("in half a frame")]
    [InlineData("closing")]
    public async Task Clients_that_disconnect_during_a_subscribe_leave_nothing_in_redis_and_their_names_still_deliver(string how)
    {
        const int each = 20;
        Name[] names = [.. Enumerable.Range(0, 10).Select(n => n % 2 == 0 ? Name.Channel($"middle.{n}") : Name.Pattern($"middle.{n}.*"))];
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: NoLinger);
        var leaks = new LeakCheck(app, redis);
        var clients = await Clients.ConnectAsync(app, names.Length * each);
        await redis.FreezeAsync();

        foreach (var (client, n) in clients.Select(static (client, n) => (client, n)))
        {
            var frame = RawWebSocket.Masked(Frame.TextOpcode, System.Text.Encoding.UTF8.GetBytes(names[n % names.Length].Text));
            await client.SendRawAsync(how == "in half a frame" ? frame[..^3] : frame);
        }
        if (how != "in half a frame")
            await Eventually.IsAsync(() => names.All(name => app.Hub.CountSubscribers(name) == each), "the hub has all names");
        foreach (var client in clients)
        {
            if (how == "closing")
                await client.SendCloseAsync(1001);
            client.Abort();
        }
        await Eventually.IsAsync(() => app.Connections.Count == 0, "no client is connected");
        names.Should().OnlyContain(name => app.Hub.CountSubscribers(name) == 0);

        await redis.ThawAsync();
        await leaks.NothingIsLeftAsync();
        await using var back = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=middle.0"));
        await back.IsLiveAsync(redis, "middle.0");
        await leaks.RedisAndTheHubAgreeAsync(names);
        await clients.DisposeAllAsync();
    }
}

/// <summary>On the Redis inside Notifier.</summary>
public sealed class EmbeddedClientFaultTests(ITestOutputHelper output) : ClientFaults(output, isEmbedded: true);
