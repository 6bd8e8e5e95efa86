using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>
/// What has to hold when clients have done their worst: nothing of them is counted any more, Redis and the hub say the same, and no task has
/// failed with nobody looking. To be made before, and asked afterwards; for a Redis of the test's own.
/// </summary>
internal sealed class LeakCheck : IDisposable
{
    private readonly NotifierApp app;
    private readonly RedisServer redis;
    private readonly List<Exception> unobserved = [];
    private readonly MemoryCheck residence = new();

    public LeakCheck(NotifierApp app, RedisServer redis)
    {
        this.app = app;
        this.redis = redis;
        TaskScheduler.UnobservedTaskException += Note;
    }

    /// <summary>Each name that the hub has is in Redis once, and no other is.</summary>
    public async Task RedisAndTheHubAgreeAsync(params Name[] names)
    {
        await Eventually.IsAsync(
            async () => await redis.PatternsAsync() == names.Count(name => name.Kind == NameKind.Pattern && app.Hub.References(name) > 0),
            "PUBSUB NUMPAT is what the hub has");
        foreach (var channel in names.Where(static name => name.Kind == NameKind.Channel))
        {
            var expected = app.Hub.References(channel) > 0 ? 1 : 0;
            await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel.Text) == expected, $"PUBSUB NUMSUB {channel.Text} is {expected}");
        }
    }

    /// <summary>Names linger for no time here (<c>Redis:Linger</c>).</summary>
    public async Task NothingIsLeftAsync()
    {
        await Eventually.IsAsync(() => app.Connections.Count == 0, "no connection is counted");
        await Eventually.IsAsync(
            () =>
            {
                app.Hub.Sweep();
                return app.Hub.Names == 0;
            },
            "the hub has no name");
        await redis.IsEmptyAsync();
        NothingFailedUnseen();
        residence.Check();
    }

    private void NothingFailedUnseen()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        lock (unobserved)
            unobserved.Should().BeEmpty("each task that fails is looked at");
        app.Log.Lines.Where(static line => line.Level >= Microsoft.Extensions.Logging.LogLevel.Error).Select(static line => line.Text)
            .Should().BeEmpty("what clients do is no error of the server");
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= Note;

    /// <summary>Those of the tests' own clients do not count.</summary>
    private void Note(object? sender, UnobservedTaskExceptionEventArgs failure)
    {
        if (failure.Exception.ToString().Contains("Notifier.Tests.", StringComparison.Ordinal))
            return;
        lock (unobserved)
            unobserved.Add(failure.Exception);
    }
}
