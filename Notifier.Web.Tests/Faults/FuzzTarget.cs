using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>A node with a Redis of its own, for one fuzz test: no rate limit stops the input, and a leak check waits for the end.</summary>
internal sealed class FuzzTarget : IAsyncDisposable
{
    private FuzzTarget(RedisServer redis, NotifierApp app)
    {
        Redis = redis;
        App = app;
        Leaks = new LeakCheck(app, redis);
    }

    public RedisServer Redis { get; }

    public NotifierApp App { get; }

    public LeakCheck Leaks { get; }

    public static async Task<FuzzTarget> StartAsync()
    {
        var redis = await RedisServer.StartAsync();
        return new(redis, await Publishing.StartAsync(
            redis.Configuration, ["Redis:Linger=00:00:00", "Limits:CommandsPerSecond=1000000", "Limits:CommandBurst=1000000", "Limits:RequestsPerSecond=1000000",
                "Limits:PublishBytesPerSecond=33554432", "History:Durable:Channels:0=kept.*"]));
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Redis.DisposeAsync();
    }
}
