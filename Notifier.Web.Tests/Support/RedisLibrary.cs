using Microsoft.Extensions.DependencyInjection;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

internal static class RedisLibrary
{
    /// <summary>
    /// Waits until the application's library has come to rest: for some milliseconds after it has connected it looks at the server
    /// once more, and asks a second time for names that wait for their answer. Redis does not mind, but who counts does.
    /// </summary>
    public static async Task RedisIsAtRestAsync(this NotifierApp app)
    {
        var subscriber = await app.Services.GetRequiredService<RedisBackplane>().SubscriberAsync();
        var multiplexer = (ConnectionMultiplexer)subscriber.Multiplexer;
        await Eventually.IsAsync(() => multiplexer.ReconfigureAsync("a test waits"), "no other look is under way");
    }
}
