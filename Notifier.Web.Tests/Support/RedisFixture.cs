using Xunit;

namespace Notifier.Tests.Support;

/// <summary>One real Redis for the tests of a class that do not harm it. Each uses names of its own.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    internal RedisServer Redis { get; private set; } = null!;

    public async Task InitializeAsync() => Redis = await RedisServer.StartAsync();

    public Task DisposeAsync() => Redis.DisposeAsync().AsTask();
}
