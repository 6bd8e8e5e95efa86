using Microsoft.Extensions.DependencyInjection;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

internal static class RedisLibrary
{
    /// <summary>
    /// Waits until the Redis library is idle. Some milliseconds after it connects, the library checks the server again and repeats
    /// subscriptions that wait for their answer. Redis accepts that, but a test that counts commands does not.
    /// </summary>
    public static async Task RedisIsAtRestAsync(this NotifierApp app)
    {
        var subscriber = await app.Services.GetRequiredService<RedisBackplane>().SubscriberAsync();
        var multiplexer = (ConnectionMultiplexer)subscriber.Multiplexer;
        await Eventually.IsAsync(() => multiplexer.ReconfigureAsync("a test waits"), "no other check of the server is running");
    }
}
