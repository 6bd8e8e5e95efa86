namespace Notifier.Tests.Support;

/// <summary>A Redis whose ACL allows the application's user only some channels.</summary>
internal static class RestrictedRedis
{
    /// <param name="channels">ACL rules such as <c>&amp;news.*</c>.</param>
    public static async Task<RedisServer> StartAsync(params string[] channels)
    {
        var redis = await RedisServer.StartAsync();
        await redis.Server.ExecuteAsync("ACL", ["SETUSER", "app", "on", ">opensesame", "~*", "+@all", "resetchannels", .. channels]);
        return redis;
    }

    /// <summary>Starts the application as that user.</summary>
    public static Task<NotifierApp> ConnectAsync(RedisServer redis, params string[] settings) =>
        NotifierApp.StartAsync($"{redis.Configuration},user=app,password=opensesame", settings: settings);
}
