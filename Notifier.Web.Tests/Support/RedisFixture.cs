using Xunit;

namespace Notifier.Tests.Support;

/// <summary>One real Redis for the tests that do not harm it. Each uses names of its own.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    internal RedisServer Redis { get; private set; } = null!;

    public async Task InitializeAsync() => Redis = await RedisServer.StartAsync();

    public Task DisposeAsync() => Redis.DisposeAsync().AsTask();
}

[CollectionDefinition(Name)]
public sealed class UsesRedis : ICollectionFixture<RedisFixture>
{
    public const string Name = "uses Redis";
}
