namespace Notifier.Tests.Support;

/// <summary>A Redis whose ACL gives the application's user some channels only.</summary>
internal static class RestrictedRedis
{
    /// <param name="channels">As in an ACL: <c>&amp;news.*</c>.</param>
    public static async Task<RedisServer> StartAsync(params string[] channels)
    {
        var redis = await RedisServer.StartAsync();
        await redis.Server.ExecuteAsync("ACL", ["SETUSER", "app", "on", ">opensesame", "~*", "+@all", "resetchannels", .. channels]);
        return redis;
    }

    /// <summary>The application, as that user.</summary>
    public static Task<NotifierApp> ConnectAsync(RedisServer redis, params string[] settings) =>
        NotifierApp.StartAsync($"{redis.Configuration},user=app,password=opensesame", settings: settings);
}
