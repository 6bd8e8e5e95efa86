using Xunit;

namespace Notifier.Tests.Support;

/// <summary>One real Redis for tests that do not harm it. Each test uses its own names.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    internal RedisServer Redis { get; private set; } = null!;

    public async Task InitializeAsync() => Redis = await RedisServer.StartAsync();

    public Task DisposeAsync() => Redis.DisposeAsync().AsTask();
}
