using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>
/// Checks that clients leave nothing behind: no connection is counted, Redis and the hub agree about the names, and the log has no error. A test creates the
/// check before its clients connect, with a Redis of its own.
/// </summary>
internal sealed class LeakCheck(NotifierApp app, RedisServer redis)
{
    private readonly ProcessCheck process = new();

    /// <summary>Redis has each name of the hub once, and no other name.</summary>
    public async Task RedisAndTheHubAgreeAsync(params Name[] names)
    {
        await Eventually.IsAsync(
            async () => await redis.PatternsAsync() == names.Count(name => name.Kind == NameKind.Pattern && app.Hub.CountSubscribers(name) > 0),
            "PUBSUB NUMPAT is what the hub has");
        foreach (var channel in names.Where(static name => name.Kind == NameKind.Channel))
        {
            var expected = app.Hub.CountSubscribers(channel) > 0 ? 1 : 0;
            await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel.Text) == expected, $"PUBSUB NUMSUB {channel.Text} is {expected}");
        }
    }

    /// <summary>For a node on which names do not linger (<c>Redis:Linger</c>).</summary>
    public async Task NothingIsLeftAsync()
    {
        await Eventually.IsAsync(() => app.Connections.Count == 0, "no connection is counted");
        await Eventually.IsAsync(
            () =>
            {
                app.Hub.Sweep();
                return app.Hub.NameCount == 0;
            },
            "the hub has no name");
        await redis.IsEmptyAsync();
        app.Log.Lines.Where(static line => line.Level >= LogLevel.Error).Select(static line => line.Text)
            .Should().BeEmpty("invalid input of a client is not an error of the server");
        process.Check();
    }
}
